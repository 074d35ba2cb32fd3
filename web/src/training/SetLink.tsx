import { useEffect, useState, type ReactNode } from "react";
import type { Dataset } from "../api/wire.gen";
import { hashOf } from "../app/route";
import { useSelect, useTools } from "../state/store";

type Found = { id: string; name: string };

/** The dataset of a run by its name; a dash where it was deleted since. */
export function SetLink({ id }: { id: string }): ReactNode {
  const { http } = useTools();
  const [found, setFound] = useState<Found | null>(null);
  const held = useSelect(({ training: { sets, whole } }) => (sets.find((set) => set.id === id) ?? whole[id]?.dataset)?.name);
  const listed = useSelect(({ training: { setsState } }) => setsState === "ready" || setsState === "failed");
  const lacks = listed && held === undefined; // it is older than the first page of the list
  useEffect(() => {
    if (!lacks) return;
    const stop = new AbortController();
    http<Dataset>(`/datasets/${id}`, { signal: stop.signal }).then(setFound, () => undefined);
    return () => stop.abort();
  }, [http, lacks, id]);
  const name = held ?? (found?.id === id ? found.name : undefined);
  return name === undefined ? "–" : <a href={hashOf("training", "datasets", id)}><bdi>{name}</bdi></a>;
}
