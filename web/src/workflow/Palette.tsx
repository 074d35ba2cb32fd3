import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import type { End } from "./connect";
import { wordsOf } from "./names";
import { foundIn, offersOf, type Offer } from "./offers";
import { lookOf } from "./ports";

const SIZE = { width: 340, height: 420 };

type Props = {
  at: { x: number; y: number }; // pixels of the window
  end: End | null;
  onPick: (offer: Offer) => void;
  onClose: () => void;
};

/** Search for what to add. Typing finds, the arrows move, Enter takes, Escape leaves. */
export function Palette({ at, end, onPick, onClose }: Props): ReactNode {
  const { t } = useTranslation();
  const doc = useSelect((state) => state.workflow.doc);
  const catalogue = useSelect((state) => state.workflow.catalogue);
  const [query, setQuery] = useState("");
  const [place, setPlace] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const offers = useMemo(
    () => offersOf(doc, catalogue, end, {
      title: (type) => t(`nodes.${type}.title`, catalogue?.nodes[type]?.title ?? type),
      port: (name) => wordsOf(t, name),
      wire: t("ui.workflow.wire_to"),
      cut: t("ui.workflow.cut"),
      note: t("ui.workflow.note"),
    }),
    [doc, catalogue, end, t],
  );
  const found = useMemo(() => foundIn(offers, query), [offers, query]);
  const chosen = found[Math.min(place, found.length - 1)];

  useEffect(() => {
    function leave(event: PointerEvent): void {
      if (event.target instanceof Node && !box.current?.contains(event.target)) onClose();
    }
    window.addEventListener("pointerdown", leave, true);
    return () => window.removeEventListener("pointerdown", leave, true);
  }, [onClose]);

  function go(by: number): void {
    const next = Math.max(0, Math.min(found.length - 1, place + by));
    setPlace(next);
    const key = found[next]?.key;
    if (key !== undefined) document.getElementById(`offer-${key}`)?.scrollIntoView({ block: "nearest" });
  }

  return (
    <div
      ref={box}
      className="wf-palette"
      role="dialog"
      aria-label={t(end ? "ui.workflow.wire" : "ui.workflow.add")}
      style={{
        left: `max(8px, min(${at.x}px, 100vw - ${SIZE.width + 8}px))`, // so it stays in a window that is turned or shrinks
        top: `max(8px, min(${at.y}px, 100dvh - ${SIZE.height + 8}px))`,
      }}
      onBlur={(event) => {
        if (event.relatedTarget && !event.currentTarget.contains(event.relatedTarget)) onClose();
      }}
    >
      <label className="wf-search">
        <Icon name="search" />
        <input
          autoFocus
          type="text"
          role="combobox"
          aria-expanded="true"
          aria-controls="offers"
          aria-activedescendant={chosen ? `offer-${chosen.key}` : undefined}
          aria-label={t("ui.workflow.search_nodes")}
          placeholder={t("ui.workflow.search_nodes")}
          dir="auto"
          value={query}
          onChange={(event) => {
            setQuery(event.currentTarget.value);
            setPlace(0);
          }}
          onKeyDown={(event) => {
            const by: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
            const step = by[event.key];
            if (step !== undefined) go(step);
            else if (event.key === "Enter" && chosen) onPick(chosen);
            else if (event.key === "Escape" || event.key === "Tab") onClose();
            else return;
            event.preventDefault();
            event.stopPropagation();
          }}
        />
      </label>
      <ul id="offers" role="listbox" aria-label={t("ui.workflow.add")}>
        {found.map((offer, index) => (
          <Row
            key={offer.key}
            offer={offer}
            head={query === "" && offer.group !== found[index - 1]?.group ? offer.group : null}
            chosen={offer === chosen}
            onPick={onPick}
          />
        ))}
        {found.length === 0 && <li className="quiet wf-none">{t("ui.workflow.no_node")}</li>}
      </ul>
      {chosen && chosen.help !== "" && <p className="wf-offer-help" dir="auto">{chosen.help}</p>}
    </div>
  );
}

type RowProps = { offer: Offer; head: string | null; chosen: boolean; onPick: (offer: Offer) => void };

function Row({ offer, head, chosen, onPick }: RowProps): ReactNode {
  const { t } = useTranslation();
  const types = offer.kind === "node" ? (offer.spec.outputs[0] ?? offer.spec.inputs[0])?.types : undefined;
  const [tone, shape] = lookOf(types ?? []);
  return (
    <>
      {head !== null && <li className="wf-offer-head" role="presentation">{wordsOf(t, head)}</li>}
      <li
        id={`offer-${offer.key}`}
        className="wf-offer"
        role="option"
        aria-selected={chosen}
        onClick={() => onPick(offer)}
      >
        <span className={`wf-dot tone-${tone} shape-${shape}`} aria-hidden="true" />
        <bdi>{offer.title}</bdi>
        {offer.kind === "end" && offer.help !== "" && <span className="quiet">{offer.help}</span>}
      </li>
    </>
  );
}
