import { Button, NativeSelect, Textarea } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { SeedField } from "../generate/SeedField";
import { checkpoints, choice, chosenModel } from "../state/choices";
import { useActions, useSelect } from "../state/store";
import { Dial } from "../ui/Dial";
import { Icon } from "../ui/icons";
import { NumberField } from "../ui/NumberField";
import type { Mode } from "./compose";
import { Layers } from "./Layers";
import { useCanvas, useMode, useWork } from "./use";

const MOST = 64; // pictures of one request
const GRID = 8; // pixels

/** The words, how they are drawn, and the layers. */
export function Side(): ReactNode {
  const { t } = useTranslation();
  const { generate } = useCanvas();
  const mode = useMode();
  return (
    <form
      className="canvas-side"
      aria-label={t("ui.nav.canvas")}
      onSubmit={(event) => {
        event.preventDefault();
        generate();
      }}
    >
      <div className="canvas-fields">
        <Prompt />
        {mode === "img2img" || mode === "inpaint" ? <Strength /> : null}
        <Settings mode={mode} />
        <Layers />
      </div>
      <Send mode={mode} />
    </form>
  );
}

function Prompt(): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const prompt = useSelect((state) => state.draft.prompt);
  const problems = useSelect((state) => state.problems);
  return (
    <Textarea
      label={t("ui.prompt")}
      placeholder={t("ui.prompt_hint")}
      rows={3}
      maxLength={16_384}
      value={prompt}
      error={problems.prompt ?? null}
      onChange={(event) => change({ prompt: event.currentTarget.value })}
      dir="auto"
    />
  );
}

function Strength(): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const strength = useSelect((state) => state.draft.strength);
  return (
    <Dial
      label={t("ui.strength")}
      value={strength}
      min={0}
      max={1}
      reach={1}
      step={0.05}
      onChange={(value) => change({ strength: value ?? 0.75 })}
    />
  );
}

/** What is seldom changed, behind one line that tells what it is set to. */
function Settings({ mode }: { mode: Mode }): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const [open, setOpen] = useState(false);
  const draft = useSelect((state) => state.draft);
  const models = useSelect((state) => state.models);
  const model = useSelect(chosenModel);
  const { steps, guidance } = choice(draft, model);
  return (
    <div>
      <button type="button" className="disclose" aria-expanded={open} aria-controls="canvas-settings" onClick={() => setOpen(!open)}>
        <Icon name={open ? "down" : "next"} />
        <span>{t("ui.canvas.settings")}</span>
        {!open && <span className="disclosed" dir="auto">{model?.name}</span>}
      </button>
      <div id="canvas-settings" className="stack" hidden={!open}>
        <Textarea
          label={t("ui.negative")}
          placeholder={t("ui.negative_hint")}
          rows={2}
          maxLength={16_384}
          value={draft.negative}
          onChange={(event) => change({ negative: event.currentTarget.value })}
          dir="auto"
        />
        <NativeSelect
          label={t("ui.model")}
          value={model?.id ?? ""}
          disabled={model === null}
          data={checkpoints(models).map(({ id, name }) => ({ value: id, label: name }))}
          onChange={(event) => change({ model: event.currentTarget.value || null })}
        />
        <Box />
        <Dial label={t("ui.steps")} value={steps} min={1} max={500} reach={100} step={1} onChange={(value) => change({ steps: value })} />
        <Dial label={t("ui.guidance")} value={guidance} min={0} max={100} reach={20} step={0.5} onChange={(value) => change({ guidance: value })} />
        <SeedField />
        {mode === "inpaint" || mode === "outpaint" ? <Masking /> : null}
      </div>
    </div>
  );
}

function Box(): ReactNode {
  const { t } = useTranslation();
  const { resize } = useCanvas();
  const { width, height } = useWork((work) => work.history.now.document.box);
  const limit = useSelect((state) => state.capabilities?.limits.side ?? 4096);
  return (
    <div className="pair">
      <NumberField label={t("ui.width")} value={width} min={GRID} max={limit} step={GRID} onChange={(value) => resize({ width: value ?? width })} />
      <NumberField label={t("ui.height")} value={height} min={GRID} max={limit} step={GRID} onChange={(value) => resize({ height: value ?? height })} />
    </div>
  );
}

function Masking(): ReactNode {
  const { t } = useTranslation();
  const { mask } = useCanvas();
  const { blur, grow, detail } = useWork((work) => work.masking);
  return (
    <>
      <Dial label={t("ui.canvas.blur")} value={blur} min={0} max={64} reach={32} step={1} onChange={(value) => mask({ blur: value ?? 4 })} />
      <Dial label={t("ui.canvas.grow")} value={grow} min={0} max={256} reach={64} step={1} onChange={(value) => mask({ grow: value ?? 0 })} />
      <label className="canvas-check">
        <input type="checkbox" checked={detail} onChange={(event) => mask({ detail: event.currentTarget.checked })} />
        <span>{t("ui.canvas.detail")}</span>
      </label>
    </>
  );
}

function Send({ mode }: { mode: Mode }): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const count = useSelect((state) => state.draft.count);
  const empty = useSelect((state) => state.draft.prompt.trim() === "");
  const busy = useSelect((state) => state.canvas.busy);
  const none = useSelect((state) => state.models?.length === 0);
  return (
    <div className="canvas-send">
      <p className="quiet" role="status">{t(`ui.canvas.mode.${mode}`)}</p>
      <div className="send">
        <NumberField label={t("ui.count")} hidden value={count} min={1} max={MOST} onChange={(value) => change({ count: value ?? 1 })} />
        <Button type="submit" size="md" disabled={empty || none} aria-busy={busy} title="Ctrl+Enter">
          {t("ui.generate", { count })}
        </Button>
      </div>
    </div>
  );
}
