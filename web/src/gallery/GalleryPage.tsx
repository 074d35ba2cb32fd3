import "./gallery.css";
import { ActionIcon, Button, Menu } from "@mantine/core";
import { lazy, Suspense, useCallback, useEffect, useRef, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useRoute } from "../app/route";
import { Empty } from "../generate/Results";
import { useFeature, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { galleryActions } from "./actions";
import { BoardsPanel } from "./BoardsPanel";
import { DropZone } from "./DropZone";
import { ANY, fromAddress, same } from "./filter";
import { Filters } from "./Filters";
import { Grid, type Moves, type Verb } from "./Grid";
import { SelectionBar } from "./SelectionBar";
import { total } from "./stretches";
import { Uploads } from "./Uploads";
import { uploadActions } from "./uploadActions";
import { filterBy, like, liked, show } from "./view";

const Compare = lazy(async () => ({ default: (await import("./Compare")).Compare }));
const XyTable = lazy(async () => ({ default: (await import("./XyTable")).XyTable }));
const MoveTo = lazy(async () => ({ default: (await import("./MoveTo")).MoveTo }));
const Inspect = lazy(async () => ({ default: (await import("./Inspect")).Inspect }));

/** The gallery, or what lies in its place: two pictures compared, a batch as a table. */
export function GalleryPage({ covered }: { covered: boolean }): ReactNode {
  const { rest } = useRoute();
  const [view, one, two] = rest;
  const waiting = <div className="page" aria-busy="true" />;
  if (view === "compare" && one !== undefined && two !== undefined) {
    return <Suspense fallback={waiting}><Compare one={one} two={two} /></Suspense>;
  }
  if (view === "batch" && one !== undefined) {
    return <Suspense fallback={waiting}><XyTable id={one} /></Suspense>;
  }
  return <Pictures covered={covered} />;
}

/** Every picture, newest first, in one endless grid, with the boards beside it. */
function Pictures({ covered }: { covered: boolean }): ReactNode {
  const { t } = useTranslation();
  const { query } = useRoute();
  const { apply, load, trash, star, select } = useFeature(galleryActions);
  const state = useSelect((all) => all.gallery.state);
  const [liking, setLiking] = useState(liked);
  const [drawer, setDrawer] = useState(false); // the boards, where there is no room beside the grid
  const [moving, setMoving] = useState<string[] | null>(null);
  const [reading, setReading] = useState<File | null>(null);
  const moves = useRef<Moves>(null);
  const selected = useSelect((all) => all.gallery.selected);
  const gone = useSelect((all) => all.gallery.filter.trash);
  useEffect(() => apply(fromAddress(query)), [apply, query]);
  useEffect(() => {
    if (state === "stale") load();
  }, [state, load]);

  function change(part: Partial<typeof liking>): void {
    const made = { ...liking, ...part };
    setLiking(made);
    like(made);
  }

  const act = useCallback((verb: Verb, ids: string[]) => {
    if (verb === "compare") {
      if (ids.length === 2) show("gallery", "compare", ...ids);
    } else if (verb === "board") {
      setMoving(ids);
    } else if (verb === "star") {
      star(ids);
    } else if (!gone) {
      trash(ids);
      select([]);
    }
  }, [gone, star, trash, select]);

  return (
    <DropZone className="page gallery" onInspect={setReading}>
      <h1 className="hidden">{t("ui.nav.gallery")}</h1>
      <div className="gallery-body" data-boards={liking.boards || undefined} data-drawer={drawer || undefined} onKeyDown={(event) => {
        if (drawer && event.key === "Escape") setDrawer(false);
      }}>
        {(liking.boards || drawer) && <BoardsPanel onChosen={() => setDrawer(false)} />}
        {drawer && <button type="button" className="drawer-veil" aria-label={t("ui.close")} onClick={() => setDrawer(false)} />}
        <div className="gallery-main">
          <Filters
            covered={covered}
            cell={liking.cell}
            onCell={(cell) => change({ cell })}
            onBoards={() => (window.matchMedia("(max-width: 800px)").matches ? setDrawer(!drawer) : change({ boards: !liking.boards }))}
            onJump={(place) => moves.current?.to(place, false)}
          >
            <Files onRead={setReading} />
          </Filters>
          <Shown>
            <Grid covered={covered} cell={liking.cell} moves={moves} onVerb={act} />
          </Shown>
          <Fresh onShow={() => moves.current?.to(0, false)} />
          {selected.size > 0 && <SelectionBar onVerb={act} />}
          <Uploads />
        </div>
      </div>
      <Suspense fallback={null}>
        {moving && <MoveTo ids={moving} onClose={() => setMoving(null)} />}
        {reading && <Inspect file={reading} onClose={() => setReading(null)} />}
      </Suspense>
    </DropZone>
  );
}

/** The grid, or why there is none. */
function Shown({ children }: { children: ReactNode }): ReactNode {
  const { t } = useTranslation();
  const { load } = useFeature(galleryActions);
  const state = useSelect((all) => all.gallery.state);
  const filter = useSelect((all) => all.gallery.filter);
  const empty = useSelect((all) => total(all.gallery.stretches) === 0);
  const whole = useSelect((all) => all.gallery.whole);
  if (!empty || (state !== "failed" && (state !== "ready" || !whole))) return children;
  if (state === "failed") {
    return (
      <div className="empty">
        <p>{t("ui.unreachable")}</p>
        <Button variant="default" onClick={load}>{t("ui.retry")}</Button>
      </div>
    );
  }
  if (same(filter, ANY)) return <Empty />;
  if (same(filter, { ...ANY, trash: true })) return <div className="empty"><p>{t("ui.gallery.trash_empty")}</p></div>;
  const board = filter.board !== "" && same({ ...filter, board: "" }, ANY);
  return (
    <div className="empty">
      <p>{t(board ? "ui.board.nothing" : "ui.nothing_found")}</p>
      {!board && <Button variant="default" onClick={() => filterBy({ ...ANY, board: filter.board, trash: filter.trash }, false)}>{t("ui.gallery.filter_clear")}</Button>}
    </div>
  );
}

/** Say that pictures came while others were looked at. */
function Fresh({ onShow }: { onShow: () => void }): ReactNode {
  const { t } = useTranslation();
  const { top } = useFeature(galleryActions);
  const count = useSelect((state) => state.gallery.fresh.length);
  if (count === 0) return null;
  return (
    <Button className="fresh" size="compact-md" onClick={() => {
      top(true);
      onShow();
    }}>
      {t("ui.gallery.fresh", { count })}
    </Button>
  );
}

function Files({ onRead }: { onRead: (file: File) => void }): ReactNode {
  const { t } = useTranslation();
  const { add } = useFeature(uploadActions);
  const board = useSelect(({ gallery: { filter } }) => (filter.board === "none" ? "" : filter.board));
  const many = useRef<HTMLInputElement>(null);
  const one = useRef<HTMLInputElement>(null);
  return (
    <>
      <Menu position="bottom-end" withinPortal transitionProps={{ duration: 0 }}>
        <Menu.Target>
          <ActionIcon variant="default" size={36} aria-label={t("ui.upload.add")} title={t("ui.upload.add")}>
            <Icon name="upload" />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<Icon name="upload" />} onClick={() => many.current?.click()}>{t("ui.upload.add")}</Menu.Item>
          <Menu.Item leftSection={<Icon name="info" />} onClick={() => one.current?.click()}>{t("ui.inspect")}</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <input ref={many} id="gallery-add" type="file" multiple hidden aria-label={t("ui.upload.add")} accept="image/png,image/jpeg,image/webp" onChange={(event) => {
        add(event.currentTarget.files ?? [], board);
        event.currentTarget.value = "";
      }} />
      <input ref={one} id="gallery-read" type="file" hidden aria-label={t("ui.inspect")} accept="image/png,image/jpeg,image/webp" onChange={(event) => {
        const [file] = event.currentTarget.files ?? [];
        if (file) onRead(file);
        event.currentTarget.value = "";
      }} />
    </>
  );
}
