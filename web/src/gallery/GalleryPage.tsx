import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useKeys } from "../app/keys";
import { Empty } from "../generate/Results";
import { checkpoints } from "../state/choices";
import type { Filter } from "../state/model";
import { useActions, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { Grid } from "./Grid";

const PAUSE = 200; // milliseconds of typing before a search is sent

/** Every picture, newest first, in one endless grid. */
export function GalleryPage({ covered }: { covered: boolean }): ReactNode {
  const { t } = useTranslation();
  const { loadGallery } = useActions();
  const state = useSelect((all) => all.gallery.state);
  const empty = useSelect((all) => all.gallery.ids.length === 0);
  const filtered = useSelect(({ gallery: { filter } }) =>
    Boolean(filter.q.trim() || filter.starred || filter.model),
  );
  const idle = state === "idle";
  useEffect(() => {
    if (idle) loadGallery(true);
  }, [idle, loadGallery]);
  return (
    <div className="page gallery">
      <h1 className="hidden">{t("ui.nav.gallery")}</h1>
      <Filters covered={covered} />
      {!empty || state === "idle" || state === "loading" ? (
        <Grid covered={covered} />
      ) : filtered ? (
        <div className="empty">
          <p>{t("ui.nothing_found")}</p>
        </div>
      ) : state === "failed" ? (
        <div className="empty">
          <p>{t("ui.unreachable")}</p>
          <Button variant="default" onClick={() => loadGallery(true)}>
            {t("ui.retry")}
          </Button>
        </div>
      ) : (
        <Empty />
      )}
    </div>
  );
}

function Filters({ covered }: { covered: boolean }): ReactNode {
  const { t } = useTranslation();
  const { filter: apply } = useActions();
  const filter = useSelect((state) => state.gallery.filter);
  const models = useSelect((state) => state.models);
  const [typed, setTyped] = useState(filter.q);
  const timer = useRef<number | undefined>(undefined);
  const search = useRef<HTMLInputElement>(null);
  const keys = useMemo(
    () => ({
      "/": (event: KeyboardEvent) => {
        event.preventDefault();
        search.current?.focus();
      },
    }),
    [],
  );
  useKeys(keys, !covered);

  function change(part: Partial<Filter>): void {
    window.clearTimeout(timer.current);
    apply({ ...filter, q: typed, ...part });
  }

  function type(q: string): void {
    setTyped(q);
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => apply({ ...filter, q }), PAUSE);
  }

  return (
    <div className="filters" role="search">
      <TextInput
        ref={search}
        className="grow"
        type="search"
        aria-label={t("ui.search")}
        placeholder={t("ui.search_hint")}
        leftSection={<Icon name="search" />}
        value={typed}
        onChange={(event) => type(event.currentTarget.value)}
      />
      <Button
        variant="default"
        aria-pressed={filter.starred}
        data-active={filter.starred || undefined}
        leftSection={<Icon name="star" filled={filter.starred} />}
        onClick={() => change({ starred: !filter.starred })}
      >
        {t("ui.starred")}
      </Button>
      <NativeSelect
        aria-label={t("ui.model")}
        value={filter.model}
        data={[
          { value: "", label: t("ui.all_models") },
          ...checkpoints(models).map(({ name }) => ({ value: name, label: name })),
        ]}
        onChange={(event) => change({ model: event.currentTarget.value })}
      />
    </div>
  );
}
