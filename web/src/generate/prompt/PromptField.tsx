import { Textarea } from "@mantine/core";
import { useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useActions, useFeature, useSelect } from "../../state/store";
import { generateActions } from "../actions";
import { askedAt, complete, suggest, type Asked } from "./completion";
import { Suggestions } from "./Suggestions";
import { useNames } from "./names";
import { weigh } from "./weights";

type Props = {
  id: string;
  label: string;
  hidden?: boolean; // the label is said and not shown
  placeholder: string;
  rows: number;
  value: string;
  error: string | null;
  onChange: (text: string) => void;
  onOlder?: (by: 1 | -1) => void; // through the history
};

const LONGEST = 16_384;

/** A prompt: weights by Ctrl+↑ and ↓, names completed while they are written. */
export function PromptField(props: Props): ReactNode {
  const { id, label, hidden = false, value, onChange, onOlder } = props;
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const { toggle } = useFeature(generateActions);
  const names = useNames();
  const presets = useSelect((state) => state.generate.presets);
  const field = useRef<HTMLTextAreaElement>(null);
  const wanted = useRef<[number, number] | null>(null); // the selection after the next text
  const [asked, setAsked] = useState<Asked | null>(null);
  const [at, setAt] = useState(0);
  const offers = useMemo(() => (asked ? suggest(asked, names) : []), [asked, names]);

  useLayoutEffect(() => {
    if (wanted.current && field.current) field.current.setSelectionRange(...wanted.current);
    wanted.current = null;
  }, [value]);

  function look(): void {
    const held = field.current;
    const found = held && held.selectionStart === held.selectionEnd ? askedAt(held.value, held.selectionStart) : null;
    setAsked(found);
    if (found?.query !== asked?.query || found?.kind !== asked?.kind) setAt(0);
  }

  /** Write a text, so that the browser's own undo knows of it. */
  function write(text: string, start: number, end: number): void {
    if (text === value) return;
    wanted.current = [start, end];
    const held = field.current;
    const [from, to, put] = changed(value, text);
    held?.setSelectionRange(from, to);
    // The one way that the browser's undo hears of; nothing has taken its place.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    const done = put === "" ? document.execCommand("delete") : document.execCommand("insertText", false, put);
    if (!done) onChange(text);
    held?.setSelectionRange(start, end);
  }

  function choose(name: string): void {
    if (!asked) return;
    const made = complete(value, asked, name);
    if (asked.kind === "style") {
      const preset = presets.find((one) => one.name === name);
      if (preset) toggle(preset);
    }
    write(made.text, made.caret, made.caret);
    setAsked(null);
    if (asked.kind === "wildcard") change({ dynamic: "random" });
  }

  function press(event: KeyboardEvent<HTMLTextAreaElement>): void {
    const held = event.currentTarget;
    const by = event.key === "ArrowUp" ? 1 : event.key === "ArrowDown" ? -1 : 0;
    if (by !== 0 && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      const made = weigh({ text: value, start: held.selectionStart, end: held.selectionEnd }, by);
      write(made.text, made.start, made.end);
    } else if (by !== 0 && event.altKey && onOlder) {
      event.preventDefault();
      onOlder(by);
    } else if (offers.length > 0 && asked) {
      offer(event, by);
    }
  }

  function offer(event: KeyboardEvent, by: number): void {
    const found = offers[at];
    if (by !== 0) setAt((at - by + offers.length) % offers.length);
    else if (event.key === "Escape") setAsked(null);
    else if ((event.key === "Enter" || event.key === "Tab") && !event.ctrlKey && !event.shiftKey && found) choose(found);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  return (
    <div className="prompt-field">
      <Textarea
        ref={field}
        id={id}
        {...(hidden ? { "aria-label": label } : { label })}
        placeholder={props.placeholder}
        rows={props.rows}
        maxLength={LONGEST}
        value={value}
        error={props.error}
        dir="auto"
        aria-autocomplete="list"
        aria-haspopup="listbox"
        aria-controls={`${id}-offers`}
        aria-activedescendant={offers.length > 0 ? `${id}-offer-${at}` : undefined}
        onChange={(event) => onChange(event.currentTarget.value)}
        onKeyDown={press}
        onSelect={look}
        onBlur={() => setAsked(null)}
      />
      <Suggestions id={id} label={t("ui.prompt.offers")} offers={offers} at={at} onChoose={choose} />
    </div>
  );
}

/** Say which part of a text is another in the next: from, to, and what stands there then. */
function changed(old: string, fresh: string): [number, number, string] {
  let from = 0;
  while (from < old.length && old[from] === fresh[from]) from += 1;
  let back = 0;
  while (back < Math.min(old.length, fresh.length) - from && old[old.length - 1 - back] === fresh[fresh.length - 1 - back]) back += 1;
  return [from, old.length - back, fresh.slice(from, fresh.length - back)];
}
