import { Select, type ComboboxItem } from "@mantine/core";
import { useMemo, useState, type ReactNode, type UIEvent } from "react";
import { useTranslation } from "react-i18next";
import { useFeature, useSelect } from "../state/store";
import { setActions } from "./setActions";
import { useSets } from "./useSets";

const IN_PLACE = { transitionProps: { duration: 0 }, withinPortal: false };

/** Choose a dataset for a training: from the newest on, or by typing some of its name. */
export function DatasetSelect({ error }: { error: string | null }): ReactNode {
  const { t } = useTranslation();
  const { choose } = useFeature(setActions);
  const newest = useSelect((state) => state.training.sets);
  const chosen = useSelect((state) => state.training.draft.dataset);
  const open = useSelect(({ training: { whole } }) => (chosen === null ? null : whole[chosen]?.dataset));
  const [opened, setOpened] = useState(false);
  const [typed, setTyped] = useState("");
  const known = newest.find(({ id }) => id === chosen) ?? open;
  const searching = typed.trim() !== "" && typed !== known?.name;
  const { sets, busy, failed, begin, more } = useSets(opened, searching ? typed.trim() : "");
  const found = sets ?? newest;
  const offered = useMemo(
    () => (known && !found.some(({ id }) => id === known.id) ? [known, ...found] : found), [found, known]);
  const counts = useMemo(() => new Map(offered.map(({ id, count }) => [id, count])), [offered]);
  const data = useMemo(() => offered.map(({ id, name }): ComboboxItem => ({ value: id, label: name })), [offered]);
  return (
    <Select
      label={t("ui.dataset.one")}
      placeholder={t("ui.dataset.choose")}
      error={error}
      data={data}
      value={known ? chosen : null}
      role="combobox"
      searchable
      clearable
      maxLength={200}
      filter={({ options }) => (offered === found || !searching ? options : options.slice(1))} // what fits, the server said
      comboboxProps={IN_PLACE}
      withScrollArea={false} // the list itself scrolls, as its keys expect of it
      attributes={{ options: { onScroll: (event: UIEvent<HTMLElement>) => atEnd(event.currentTarget) && more() } }}
      nothingFoundMessage={t(failed ? "ui.training.list_failed" : busy ? "ui.dataset.reading" : searching ? "ui.dataset.no_match" : "ui.dataset.none")}
      renderOption={({ option }) => (
        <span className="dataset-option">
          <span className="grow"><bdi>{option.label}</bdi></span>
          <small className="quiet">{t("ui.dataset.pictures", { count: counts.get(option.value) ?? 0 })}</small>
        </span>
      )}
      onChange={choose}
      onSearchChange={setTyped}
      onDropdownOpen={() => {
        begin();
        setOpened(true);
      }}
      onDropdownClose={() => setOpened(false)}
    />
  );
}

function atEnd({ scrollTop, scrollHeight, clientHeight }: HTMLElement): boolean {
  return scrollTop + clientHeight >= scrollHeight - 1;
}
