import { useState, type DragEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFeature, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { uploadActions } from "./uploadActions";
import { carries } from "./view";

type Props = { className: string; onInspect: (file: File) => void; children: ReactNode };

/** A place where files may fall: into the gallery, or only to be read. */
export function DropZone({ className, onInspect, children }: Props): ReactNode {
  const { t } = useTranslation();
  const { add } = useFeature(uploadActions);
  const board = useSelect(({ gallery: { filter } }) => (filter.board === "none" ? "" : filter.board));
  const [over, setOver] = useState<"" | "add" | "read">("");

  function dragOver(event: DragEvent): void {
    if (!carries(event.dataTransfer, "files")) return;
    event.preventDefault();
    const half = event.target instanceof HTMLElement && event.target.closest("[data-read]");
    setOver(half ? "read" : "add");
  }

  function drop(event: DragEvent): void {
    setOver("");
    if (!carries(event.dataTransfer, "files")) return;
    event.preventDefault();
    const { files } = event.dataTransfer;
    const [first] = files;
    if (over === "read" && first) onInspect(first);
    else add(files, board);
  }

  return (
    <div
      className={className}
      onDragOver={dragOver}
      onDragLeave={(event) => {
        if (!(event.relatedTarget instanceof Node) || !event.currentTarget.contains(event.relatedTarget)) setOver("");
      }}
      onDrop={drop}
      onPaste={(event) => {
        if (event.clipboardData.files.length > 0) add(event.clipboardData.files, board);
      }}
    >
      {children}
      {over !== "" && (
        <div className="drop">
          <div data-over={over === "add" || undefined}><Icon name="upload" />{t("ui.upload.add")}</div>
          <div data-read data-over={over === "read" || undefined}><Icon name="info" />{t("ui.inspect")}</div>
        </div>
      )}
    </div>
  );
}
