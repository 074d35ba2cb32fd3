import { Textarea } from "@mantine/core";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Image } from "../api/wire.gen";
import { useFeature } from "../state/store";
import { pictureActions } from "./pictureActions";

const REST = 800; // milliseconds without typing before it is kept

/** A note on a picture, kept while it is typed. */
export function Note({ image }: { image: Image }): ReactNode {
  const { t } = useTranslation();
  const { note } = useFeature(pictureActions);
  const [typed, setTyped] = useState<string | null>(null);
  const waiting = useRef<{ timer: number; send: () => void } | null>(null);
  useEffect(() => () => flush(waiting), []);

  function type(text: string): void {
    setTyped(text);
    if (waiting.current) window.clearTimeout(waiting.current.timer);
    const send = () => {
      waiting.current = null;
      note(image, text);
    };
    waiting.current = { send, timer: window.setTimeout(send, REST) };
  }

  return (
    <Textarea
      label={t("ui.gallery.note")}
      placeholder={t("ui.gallery.note_hint")}
      rows={2}
      maxLength={4096}
      dir="auto"
      value={typed ?? image.note ?? ""}
      onChange={(event) => type(event.currentTarget.value)}
      onBlur={() => flush(waiting)}
    />
  );
}

function flush(waiting: { current: { timer: number; send: () => void } | null }): void {
  if (!waiting.current) return;
  window.clearTimeout(waiting.current.timer);
  waiting.current.send();
}
