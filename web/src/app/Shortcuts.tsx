import { Kbd, Modal } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

const KEYS: readonly (readonly [string[], string])[] = [
  [["Ctrl", "Enter"], "ui.key.generate"],
  [["Esc"], "ui.key.cancel"],
  [["/"], "ui.key.search"],
  [["←", "→", "↑", "↓"], "ui.key.move"],
  [["Enter"], "ui.key.open"],
  [["S"], "ui.key.star"],
  [["Delete"], "ui.key.delete"],
  [["D"], "ui.key.download"],
  [["?"], "ui.key.help"],
];

export function Shortcuts({ onClose }: { onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("ui.shortcuts")}
      closeButtonProps={{ "aria-label": t("ui.close") }}
      centered
    >
      <dl className="keys">
        {KEYS.map(([keys, words]) => (
          <div key={words}>
            <dt dir="ltr">
              {keys.map((key) => (
                <Kbd key={key}>{key}</Kbd>
              ))}
            </dt>
            <dd>{t(words)}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
