import "./generate.css";
import { lazy, Suspense, useMemo, type DragEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useKeys } from "../app/keys";
import { QueueStrip } from "../queue/QueueStrip";
import { thumbnail } from "../state/choices";
import { useActions, useFeature, useSelect, useTools } from "../state/store";
import { pictureIn } from "./PictureField";
import { pictureActions } from "./pictures";
import { Prompt } from "./prompt/Prompt";
import { Results } from "./Results";
import { Send } from "./Send";
import { Settings } from "./Settings";

const QueuePanel = lazy(async () => ({ default: (await import("../queue/QueuePanel")).QueuePanel }));

const NARROW = "(max-width: 800px)"; // one column: the results are further down

/** The words on one side, the pictures on the other. */
export function GeneratePage({ covered }: { covered: boolean }): ReactNode {
  const { t } = useTranslation();
  const { generate, cancelRunning, draft: change } = useActions();
  const { upload } = useFeature(pictureActions);
  const { toast } = useTools();
  const line = useSelect((state) => state.queueList.open);
  const keys = useMemo(
    () => ({ "ctrl+enter": () => generate(), escape: () => dialogOpen() || cancelRunning() }),
    [generate, cancelRunning],
  );
  useKeys(keys, !covered);

  function begin(file: File | null): boolean {
    if (!file) return false;
    upload(file, (id) => change({ init: { id, url: thumbnail(id) } }));
    return true;
  }

  return (
    <div
      className="page generate"
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event: DragEvent) => {
        if (event.dataTransfer.files.length === 0) return;
        event.preventDefault();
        if (!begin(pictureIn(event.dataTransfer))) toast(t("ui.upload.type"), null, "error");
      }}
      onPaste={(event) => void begin(pictureIn(event.clipboardData))}
    >
      <h1 className="hidden">{t("ui.nav.generate")}</h1>
      <form
        className="form"
        aria-label={t("ui.nav.generate")}
        onSubmit={(event) => {
          event.preventDefault();
          generate();
          if (window.matchMedia(NARROW).matches) {
            document.getElementById("results")?.scrollIntoView({ behavior: "smooth" });
          }
        }}
      >
        <div className="form-fields stack">
          <Prompt />
          <Settings />
        </div>
        <Send />
      </form>
      <section id="results" className="results" aria-label={t("ui.results")}>
        <Results covered={covered} />
        <Suspense fallback={null}>{line && <QueuePanel />}</Suspense>
        <QueueStrip />
      </section>
    </div>
  );
}

/** Say whether something lies on top, which the escape key closes first. */
function dialogOpen(): boolean {
  return document.querySelector('[role="dialog"]') !== null;
}
