import { ActionIcon, Button, NativeSelect, Popover, Slider, TextInput } from "@mantine/core";
import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useKeys } from "../app/keys";
import { useFormat } from "../i18n/format";
import { checkpoints, MAX_SEED } from "../state/choices";
import { useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { NumberField } from "../ui/NumberField";
import { ANY, chips, KINDS, midnight, type Filter } from "./filter";
import { placeAt, total } from "./stretches";
import { filterBy, LARGEST, LEAST } from "./view";

const PAUSE = 200; // milliseconds of typing before a search is sent

type Props = {
  covered: boolean;
  cell: number;
  onCell: (cell: number) => void;
  onBoards: () => void;
  onJump: (place: number) => void;
  children: ReactNode;
};

/** Search, filters as chips, how many there are, and how large they are shown. */
export function Filters({ covered, cell, onCell, onBoards, onJump, children }: Props): ReactNode {
  const { t } = useTranslation();
  const filter = useSelect((state) => state.gallery.filter);
  const search = useRef<HTMLInputElement>(null);
  const keys = useMemo(() => ({
    "/": (event: KeyboardEvent) => {
      event.preventDefault();
      search.current?.focus();
    },
  }), []);
  useKeys(keys, !covered);
  const set = chips(filter);
  return (
    <div className="gallery-head" role="search">
      <div className="filters">
        <ActionIcon variant="default" size={36} aria-label={t("ui.boards")} title={t("ui.boards")} onClick={onBoards}>
          <Icon name="board" />
        </ActionIcon>
        <Search filter={filter} field={search} />
        <Button
          variant="default"
          aria-pressed={filter.starred}
          data-active={filter.starred || undefined}
          leftSection={<Icon name="star" filled={filter.starred} />}
          onClick={() => filterBy({ ...filter, starred: !filter.starred }, false)}
        >
          {t("ui.starred")}
        </Button>
        <More filter={filter} active={set.length > 0} />
        <Jump onJump={onJump} />
        {children}
        <Slider className="cell-size" size="sm" min={LEAST} max={LARGEST} step={8} value={cell} onChange={onCell} label={null} thumbLabel={t("ui.gallery.cell")} />
        <Count />
      </div>
      {set.length > 0 && (
        <div className="filter-chips">
          {set.map((name) => <Chip key={name} filter={filter} name={name} />)}
          <Button size="compact-sm" variant="subtle" color="gray" onClick={() => filterBy({ ...ANY, board: filter.board, trash: filter.trash }, false)}>
            {t("ui.gallery.filter_clear")}
          </Button>
        </div>
      )}
    </div>
  );
}

function Search({ filter, field }: { filter: Filter; field: React.RefObject<HTMLInputElement | null> }): ReactNode {
  const { t } = useTranslation();
  const [typed, setTyped] = useState<string | null>(null); // null: what the address says
  const timer = useRef<number | undefined>(undefined);
  useEffect(() => () => window.clearTimeout(timer.current), []);

  function type(q: string): void {
    setTyped(q);
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => filterBy({ ...filter, q }, true), PAUSE);
  }

  return (
    <TextInput
      ref={field}
      className="grow search"
      type="search"
      aria-label={t("ui.search")}
      placeholder={t("ui.search_hint")}
      leftSection={<Icon name="search" />}
      maxLength={500}
      dir="auto"
      value={typed ?? filter.q}
      onChange={(event) => type(event.currentTarget.value)}
      onBlur={() => {
        if (typed !== null && typed !== filter.q) filterBy({ ...filter, q: typed }, true);
        window.clearTimeout(timer.current);
        setTyped(null);
      }}
    />
  );
}

function Count(): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const count = useSelect((state) => total(state.gallery.stretches));
  const whole = useSelect((state) => state.gallery.whole);
  const number = format.number(count);
  return <output className="gallery-count" aria-label={t("ui.gallery.count", { count, number })}>{whole ? number : `${number}+`}</output>;
}

function Jump({ onJump }: { onJump: (place: number) => void }): ReactNode {
  const { t } = useTranslation();
  const stretches = useSelect((state) => state.gallery.stretches);
  return (
    <Popover position="bottom-end" trapFocus withinPortal transitionProps={{ duration: 0 }}>
      <Popover.Target>
        <ActionIcon variant="default" size={36} aria-label={t("ui.gallery.jump")} title={t("ui.gallery.jump")}>
          <Icon name="calendar" />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown>
        <TextInput
          type="date"
          label={t("ui.gallery.jump")}
          onChange={(event) => {
            const day = event.currentTarget.value;
            if (day) onJump(placeAt(stretches, midnight(day, 1)));
          }}
        />
      </Popover.Dropdown>
    </Popover>
  );
}

function More({ filter, active }: { filter: Filter; active: boolean }): ReactNode {
  const { t } = useTranslation();
  const models = useSelect((state) => state.models);
  const set = (change: Partial<Filter>) => filterBy({ ...filter, ...change }, false);
  const named = (kind: "checkpoint" | "lora", chosen: string) => {
    const all = kind === "checkpoint" ? checkpoints(models) : (models ?? []).filter((model) => model.kind === kind);
    return [...new Set([...all.map(({ name }) => name), ...(chosen ? [chosen] : [])])];
  };
  return (
    <Popover position="bottom-end" trapFocus withinPortal width={344} transitionProps={{ duration: 0 }}>
      <Popover.Target>
        <Button variant="default" data-active={active || undefined} leftSection={<Icon name="filter" />}>{t("ui.gallery.filter")}</Button>
      </Popover.Target>
      <Popover.Dropdown className="filter-panel">
        <NativeSelect label={t("ui.model")} value={filter.model} data={[{ value: "", label: t("ui.all_models") }, ...named("checkpoint", filter.model)]} onChange={(event) => set({ model: event.currentTarget.value })} />
        <NativeSelect label={t("ui.gallery.lora")} value={filter.lora} data={[{ value: "", label: t("ui.gallery.any") }, ...named("lora", filter.lora)]} onChange={(event) => set({ lora: event.currentTarget.value })} />
        <NativeSelect
          label={t("ui.gallery.kind")}
          value={filter.kind}
          data={[{ value: "", label: t("ui.gallery.any") }, ...KINDS.map((kind) => ({ value: kind, label: t(`ui.gallery.kind.${kind}`) }))]}
          onChange={(event) => set({ kind: KINDS.find((kind) => kind === event.currentTarget.value) ?? "" })}
        />
        <NumberField label={t("ui.seed")} value={filter.seed} min={0} max={Math.max(MAX_SEED, Number.MAX_SAFE_INTEGER)} onChange={(seed) => set({ seed })} />
        <div className="pair">
          <NumberField label={t("ui.width")} value={filter.width} min={1} max={65536} onChange={(width) => set({ width })} />
          <NumberField label={t("ui.height")} value={filter.height} min={1} max={65536} onChange={(height) => set({ height })} />
        </div>
        <div className="pair">
          <TextInput type="date" label={t("ui.gallery.since")} value={filter.since} onChange={(event) => set({ since: event.currentTarget.value })} />
          <TextInput type="date" label={t("ui.gallery.until")} value={filter.until} onChange={(event) => set({ until: event.currentTarget.value })} />
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}

const LABELS: Partial<Record<keyof Filter, string>> = {
  model: "ui.model", lora: "ui.gallery.lora", kind: "ui.gallery.kind", seed: "ui.seed", width: "ui.width",
  height: "ui.height", since: "ui.gallery.since", until: "ui.gallery.until",
};

function Chip({ filter, name }: { filter: Filter; name: keyof Filter }): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const label = t(LABELS[name] ?? "");
  const value = name === "kind" ? t(`ui.gallery.kind.${filter[name]}`)
    : name === "since" || name === "until" ? format.day(midnight(filter[name], 0)) : String(filter[name]);
  return (
    <span className="filter-chip">
      <span className="quiet">{label}</span> <bdi>{value}</bdi>
      <ActionIcon size="xs" variant="subtle" color="gray" aria-label={t("ui.gallery.filter_remove", { name: label })} onClick={() => filterBy({ ...filter, [name]: ANY[name] }, false)}>
        <Icon name="close" />
      </ActionIcon>
    </span>
  );
}
