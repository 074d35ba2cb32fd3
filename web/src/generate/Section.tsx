import type { ReactNode } from "react";
import { useActions, useSelect } from "../state/store";
import { Icon } from "../ui/icons";

type Props = {
  name: string; // under which it is remembered to be open
  title: string;
  summary?: string; // what is set in it, shown while it is closed
  problem?: string | null;
  children: ReactNode;
};

/** A part of the form that most people leave closed; closed, it says what is set in it. */
export function Section({ name, title, summary = "", problem = null, children }: Props): ReactNode {
  const { draft: change } = useActions();
  const sections = useSelect((state) => state.draft.open);
  const open = sections.includes(name);
  const id = `section-${name}`;
  return (
    <section className="section" data-set={summary !== "" || undefined}>
      <button
        type="button"
        className="disclose section-head"
        aria-expanded={open}
        aria-controls={id}
        onClick={() => change({ open: open ? sections.filter((one) => one !== name) : [...sections, name] })}
      >
        <Icon name={open ? "down" : "next"} />
        <span>{title}</span>
        {!open && problem === null && <span className="disclosed" dir="auto">{summary}</span>}
        {!open && problem !== null && <span className="disclosed refused">{problem}</span>}
      </button>
      <div id={id} className="section-body stack" hidden={!open}>
        {open && children}
      </div>
    </section>
  );
}

/** Words in place of a control that does not go with what is chosen. */
export function Unfit({ children }: { children: string }): ReactNode {
  return <p className="unfit">{children}</p>;
}
