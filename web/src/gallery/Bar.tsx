import { ActionIcon, Menu } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Image } from "../api/wire.gen";
import { useActions, useFeature } from "../state/store";
import { Icon } from "../ui/icons";
import { pictureActions } from "./pictureActions";

type Props = { image: Image; onTrash: () => void; onBoard: () => void };

/** The small verbs of one picture. */
export function Bar({ image, onTrash, onBoard }: Props): ReactNode {
  const { t } = useTranslation();
  const { star } = useActions();
  const { copy, restore } = useFeature(pictureActions);
  const starred = t(image.starred ? "ui.unstar" : "ui.star");
  const gone = image.deleted !== null;
  return (
    <>
      <ActionIcon variant="subtle" color={image.starred ? "sun" : "gray"} size="lg" aria-pressed={image.starred} aria-label={starred} title={starred} onClick={() => star(image)}>
        <Icon name="star" filled={image.starred} />
      </ActionIcon>
      <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("ui.gallery.to_board")} title={t("ui.gallery.to_board")} onClick={onBoard}>
        <Icon name="board" />
      </ActionIcon>
      <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("ui.gallery.copy")} title={t("ui.gallery.copy")} onClick={() => copy(image)}>
        <Icon name="copy" />
      </ActionIcon>
      <Download image={image} />
      <ActionIcon
        variant="subtle"
        color="gray"
        size="lg"
        aria-label={t(gone ? "ui.gallery.restore" : "ui.delete")}
        title={t(gone ? "ui.gallery.restore" : "ui.delete")}
        onClick={() => (gone ? restore(image) : onTrash())}
      >
        <Icon name={gone ? "again" : "trash"} />
      </ActionIcon>
      <span className="grow" />
    </>
  );
}

const FORMATS = ["png", "jpeg", "webp"] as const;

function Download({ image }: { image: Image }): ReactNode {
  const { t } = useTranslation();
  return (
    <>
      <a id="download" hidden href={`${image.url}?download=1`} download={`${image.id}.png`}>{t("ui.download")}</a>
      <Menu position="bottom-end" transitionProps={{ duration: 0 }}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("ui.download")} title={t("ui.download")}>
            <Icon name="download" />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {([1, 0] as const).map((metadata) => (
            <div key={metadata}>
              <Menu.Label>{t(metadata ? "ui.gallery.with_metadata" : "ui.gallery.without_metadata")}</Menu.Label>
              {FORMATS.map((format) => (
                <Menu.Item key={format} component="a" href={`${image.url}?download=1&format=${format}&metadata=${metadata}`} download={`${image.id}.${format}`}>
                  {format.toUpperCase()}
                </Menu.Item>
              ))}
            </div>
          ))}
        </Menu.Dropdown>
      </Menu>
    </>
  );
}
