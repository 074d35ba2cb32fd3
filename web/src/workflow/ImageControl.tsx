import { Modal } from "@mantine/core";
import { useState, type DragEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Image } from "../api/wire.gen";
import { Picker } from "../gallery/Picker";
import { useFeature, useSelect, useTools } from "../state/store";
import type { Tools } from "../state/tools";
import { Icon } from "../ui/icons";
import type { ControlProps } from "./Control";

function imageActions({ http }: Tools) {
  return {
    upload: (file: Blob) => http<Image>("/uploads", { method: "POST", body: file }),
  };
}

/** A picture: dropped, uploaded, or one of the gallery. */
export function ImageControl({ id, label, value, faulty, describedBy, onChange }: ControlProps): ReactNode {
  const { t } = useTranslation();
  const { upload } = useFeature(imageActions);
  const { run } = useTools();
  const [open, setOpen] = useState(false);
  const held = typeof value === "string" && value !== "" ? value : null;
  function take(file: File): void {
    run(async () => onChange((await upload(file)).id));
  }
  function drop(event: DragEvent): void {
    const file = [...event.dataTransfer.files].find(({ type }) => type.startsWith("image/"));
    if (!file) return;
    event.preventDefault();
    event.stopPropagation();
    take(file);
  }
  return (
    <>
      <button
        id={id}
        type="button"
        className="wf-image nodrag"
        aria-invalid={faulty || undefined}
        aria-describedby={describedBy}
        aria-label={`${label}: ${t(held === null ? "ui.workflow.image_choose" : "ui.workflow.image_change")}`}
        onClick={() => setOpen(true)}
        onDrop={drop}
        onDragOver={(event) => event.preventDefault()}
      >
        {held === null ? (
          <>
            <Icon name="image" />
            <span>{t("ui.workflow.image_choose")}</span>
          </>
        ) : (
          <img src={`/api/v1/images/${held}/thumbnail`} alt="" loading="lazy" draggable={false} />
        )}
      </button>
      {open && (
        <Choose
          label={label}
          onClose={() => setOpen(false)}
          onFile={take}
          onPick={onChange}
        />
      )}
    </>
  );
}

type ChooseProps = {
  label: string;
  onClose: () => void;
  onFile: (file: File) => void;
  onPick: (id: string) => void;
};

function Choose({ label, onClose, onFile, onPick }: ChooseProps): ReactNode {
  const { t } = useTranslation();
  const types = useSelect((state) => state.capabilities?.upload_types);
  return (
    <Modal opened onClose={onClose} title={label} size="lg" centered closeButtonProps={{ "aria-label": t("ui.close") }}>
      <label className="wf-file">
        <Icon name="upload" />
        {t("ui.workflow.image_upload")}
        <input
          type="file"
          className="hidden"
          accept={types?.join(",")}
          onChange={(event) => {
            const file = event.currentTarget.files?.[0];
            if (file) onFile(file);
            onClose();
          }}
        />
      </label>
      <Picker
        onPick={(id) => {
          onPick(id);
          onClose();
        }}
      />
    </Modal>
  );
}
