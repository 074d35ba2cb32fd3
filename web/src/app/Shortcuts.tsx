import { Kbd, Modal } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { SHORTCUTS } from "./shortcuts";

/** Every shortcut, by page. */
export function Shortcuts({ onClose }: { onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={t("ui.shortcuts")}
      closeButtonProps={{ "aria-label": t("ui.close") }}
      centered
    >
      <div className="key-groups">
        {SHORTCUTS.map(({ place, keys }) => (
          <section key={place} aria-label={nameOf(place, t)}>
            <h2 className="label">{nameOf(place, t)}</h2>
            <dl className="keys">
              {keys.map(({ keys: pressed, words }) => (
                <div key={words + pressed.join("")}>
                  <dt dir="ltr">
                    {pressed.map((key) => (
                      <Kbd key={key}>{key}</Kbd>
                    ))}
                  </dt>
                  <dd>{t(words)}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Modal>
  );
}

function nameOf(place: string, t: (key: string) => string): string {
  return place === "everywhere" ? t("ui.key.everywhere") : t(`ui.nav.${place}`);
}
