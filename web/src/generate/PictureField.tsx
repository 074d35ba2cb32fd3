import { ActionIcon, Button } from "@mantine/core";
import { lazy, Suspense, useRef, useState, type DragEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { thumbnail } from "../state/choices";
import { useFeature, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { pictureActions } from "./pictures";

const PickPicture = lazy(async () => ({ default: (await import("./PickPicture")).PickPicture }));

type Props = {
  label: string; // "Picture to begin with"
  value: string | null; // id
  error?: string | null;
  onChange: (image: string | null) => void;
  removable?: boolean;
};

/** A picture that is used: from a file, dropped onto the field, or from the gallery. */
export function PictureField({ label, value, error = null, onChange, removable = false }: Props): ReactNode {
  const { t } = useTranslation();
  const { upload } = useFeature(pictureActions);
  const types = useSelect((state) => state.capabilities?.upload_types);
  const input = useRef<HTMLInputElement>(null);
  const [picking, setPicking] = useState(false);

  function drop(event: DragEvent): void {
    const file = pictureIn(event.dataTransfer);
    if (!file) return;
    event.preventDefault();
    event.stopPropagation(); // else the page would take it to begin with
    upload(file, onChange);
  }

  return (
    <div className="picture-field" onDragOver={(event) => event.preventDefault()} onDrop={drop}>
      <input
        ref={input}
        type="file"
        hidden
        accept={types?.join(",")}
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          if (file) upload(file, onChange);
          event.currentTarget.value = "";
        }}
      />
      {value !== null && <img src={thumbnail(value)} alt={label} />}
      <div className="picture-ways">
        <Button size="compact-sm" variant="default" leftSection={<Icon name="image" />} onClick={() => input.current?.click()}>
          {value === null ? label : t("ui.picture.other")}
        </Button>
        <Button size="compact-sm" variant="default" leftSection={<Icon name="gallery" />} onClick={() => setPicking(true)}>
          {t("ui.picture.gallery")}
        </Button>
        {error !== null && <p className="refused">{error}</p>}
      </div>
      {removable && value !== null && (
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label={t("ui.init_remove")}
          title={t("ui.init_remove")}
          onClick={() => onChange(null)}
        >
          <Icon name="close" />
        </ActionIcon>
      )}
      <Suspense fallback={null}>
        {picking && (
          <PickPicture
            onClose={() => setPicking(false)}
            onPick={(image) => {
              setPicking(false);
              onChange(image);
            }}
          />
        )}
      </Suspense>
    </div>
  );
}

/** Find a picture among what was dropped or pasted. */
export function pictureIn(data: DataTransfer | null): File | null {
  return [...(data?.files ?? [])].find((file) => file.type.startsWith("image/")) ?? null;
}
