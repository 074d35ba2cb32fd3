import type { ReactNode } from "react";

type Props = { id: string; label: string; offers: string[]; at: number; onChoose: (name: string) => void };

/** Names that fit what is being written; the field keeps the focus. */
export function Suggestions({ id, label, offers, at, onChoose }: Props): ReactNode {
  return (
    <ul id={`${id}-offers`} className="offers" role="listbox" aria-label={label} hidden={offers.length === 0}>
      {offers.map((name, place) => (
        <li
          key={name}
          id={`${id}-offer-${place}`}
          role="option"
          aria-selected={place === at}
          onPointerDown={(event) => {
            event.preventDefault();
            onChoose(name);
          }}
        >
          <bdi>{name}</bdi>
        </li>
      ))}
    </ul>
  );
}
