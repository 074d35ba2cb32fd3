import "./picture.css";
import { ActionIcon, Modal } from "@mantine/core";
import { lazy, Suspense, useEffect, useMemo, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useKeys } from "../app/keys";
import type { Page } from "../app/route";
import { directionOf } from "../i18n";
import type { State } from "../state/model";
import { useActions, useFeature, useSelect } from "../state/store";
import { tileOf } from "../state/tiles";
import { Icon } from "../ui/icons";
import { galleryActions } from "./actions";
import { Bar } from "./Bar";
import { Facts } from "./Facts";
import { Note } from "./Note";
import { Reuse } from "./Reuse";
import { Stage } from "./Stage";
import { around } from "./steps";
import { at, placeOf } from "./stretches";
import { show, showInstead } from "./view";

const MoveTo = lazy(async () => ({ default: (await import("./MoveTo")).MoveTo }));

/** One picture as large as the window allows, what made it, and what to do with it. */
export function FullView({ page, id }: { page: Page; id: string }): ReactNode {
  const { t, i18n } = useTranslation();
  const { loadImage, star, trash } = useActions();
  const { look } = useFeature(galleryActions);
  const image = useSelect((state) => pictureIn(state, id));
  const before = useSelect((state) => neighbour(state, page, id, -1));
  const after = useSelect((state) => neighbour(state, page, id, 1));
  const place = useSelect((state) => (page === "gallery" ? placeOf(state.gallery.stretches, id) : -1));
  const [moving, setMoving] = useState(false);
  const unknown = image === undefined;
  useEffect(() => {
    if (unknown) loadImage(id);
  }, [unknown, id, loadImage]);
  useEffect(() => {
    if (place >= 0) look(place - 1, place + 1);
  }, [place, look]);
  const rtl = directionOf(i18n.language) === "rtl";
  const keys = useMemo(() => {
    function turn(to: string | null): void {
      if (to !== null) showInstead(page, to);
    }
    function remove(): void {
      trash(id);
      if (after ?? before) turn(after ?? before);
      else show(page);
    }
    return {
      arrowright: () => turn(rtl ? before : after),
      arrowleft: () => turn(rtl ? after : before),
      s: () => image && star(image),
      b: () => setMoving(true),
      d: () => document.getElementById("download")?.click(),
      delete: remove,
    };
  }, [after, before, id, image, page, rtl, star, trash]);
  useKeys(keys, !moving);
  return (
    <Modal
      opened
      fullScreen
      onClose={() => show(page)}
      closeOnEscape={!moving}
      withCloseButton={false}
      padding={0}
      transitionProps={{ duration: 0 }}
      classNames={{ body: "full", content: "full-content", header: "hidden" }}
      title={image?.prompt || t("ui.picture")}
    >
      <div className="full-stage">
        {image && <Stage key={image.id} image={image} onTurn={(along) => (along > 0 === rtl ? keys.arrowleft() : keys.arrowright())} />}
        <Turn side="previous" to={before} page={page} words={t("ui.previous")} />
        <Turn side="next" to={after} page={page} words={t("ui.next")} />
      </div>
      <aside className="full-side" aria-label={t("ui.details")}>
        <div className="full-bar">
          {image && <Bar image={image} onTrash={keys.delete} onBoard={() => setMoving(true)} />}
          <ActionIcon variant="subtle" color="gray" size="lg" data-autofocus aria-label={t("ui.close")} title={t("ui.close")} onClick={() => show(page)}>
            <Icon name="close" />
          </ActionIcon>
        </div>
        {image && <Facts image={image} />}
        {image && <Note key={image.id} image={image} />}
        {image && <Reuse image={image} />}
      </aside>
      {moving && (
        <Suspense fallback={null}>
          <MoveTo ids={[id]} onClose={() => setMoving(false)} />
        </Suspense>
      )}
    </Modal>
  );
}

/** Find a picture among what is known, or in the gallery. */
function pictureIn({ images, gallery: { stretches } }: State, id: string) {
  return images[id] ?? at(stretches, placeOf(stretches, id));
}

/** Name the picture before or after one, in the list that the page shows. */
function neighbour(state: State, page: Page, id: string, by: 1 | -1): string | null {
  if (page === "gallery") {
    const { stretches } = state.gallery;
    const place = placeOf(stretches, id);
    return place < 0 ? null : (at(stretches, place + by)?.id ?? null);
  }
  const pictures = state.groups.flatMap((group) =>
    group.jobs.flatMap((job) => tileOf(state, job, group.id)?.images ?? []));
  const found = around(pictures, id);
  return by > 0 ? found.after : found.before;
}

type TurnProps = { side: "previous" | "next"; to: string | null; page: Page; words: string };

function Turn({ side, to, page, words }: TurnProps): ReactNode {
  if (to === null) return null;
  return (
    <ActionIcon className={`turn turn-${side}`} variant="default" size="xl" aria-label={words} title={words} onClick={() => showInstead(page, to)}>
      <Icon name={side} />
    </ActionIcon>
  );
}
