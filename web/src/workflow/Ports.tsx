import { Handle, Position } from "@xyflow/react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Port } from "../api/wire.gen";
import { useBoard } from "./board";
import { typeOf, typesOf, wordsOf } from "./names";
import { lookOf } from "./ports";

type Props = { node: string; port: Port };

function looks(types: readonly string[]): string {
  const [tone, shape] = lookOf(types);
  return `wf-handle tone-${tone} shape-${shape}`;
}

/** An input: its handle for the hand, its name for the keyboard. */
export function InPort({ node, port, wired, faulty }: Props & { wired: boolean; faulty: boolean }): ReactNode {
  const { t } = useTranslation();
  const { offer } = useBoard();
  const types = typesOf(t, port.types);
  return (
    <li className="wf-port" data-wired={wired} data-faulty={faulty} title={`${types}${port.doc ? `: ${port.doc}` : ""}`}>
      <Handle type="target" position={Position.Left} id={port.name} className={looks(port.types)} />
      <button
        type="button"
        className="wf-port-name nodrag"
        aria-label={t(wired ? "ui.workflow.port_in_wired" : "ui.workflow.port_in", { name: wordsOf(t, port.name), types })}
        onClick={(event) => offer({ node, port: port.name, side: "in" }, event.currentTarget)}
      >
        {wordsOf(t, port.name)}
      </button>
      {!port.required && <span className="quiet">{t("ui.workflow.optional")}</span>}
    </li>
  );
}

export function OutPort({ node, port }: Props): ReactNode {
  const { t } = useTranslation();
  const { offer } = useBoard();
  const types = typesOf(t, port.types);
  const name = port.name === "out" ? typeOf(t, port.types[0] ?? port.name) : wordsOf(t, port.name);
  return (
    <li className="wf-port wf-out" title={`${types}${port.doc ? `: ${port.doc}` : ""}`}>
      <button
        type="button"
        className="wf-port-name nodrag"
        aria-label={t("ui.workflow.port_out", { name, types })}
        onClick={(event) => offer({ node, port: port.name, side: "out" }, event.currentTarget)}
      >
        {name}
      </button>
      <Handle type="source" position={Position.Right} id={port.name} className={looks(port.types)} />
    </li>
  );
}

/** The port of a setting: small, for numbers and texts from other nodes. */
export function SettingPort({ node, name, types, wired }: { node: string; name: string; types: string[]; wired: boolean }): ReactNode {
  const { t } = useTranslation();
  const { offer } = useBoard();
  return (
    <>
      <Handle type="target" position={Position.Left} id={name} className={`${looks(types)} wf-small`} data-wired={wired} />
      {wired && (
        <button
          type="button"
          className="wf-mini wf-rewire nodrag"
          aria-label={t("ui.workflow.port_in_wired", { name: wordsOf(t, name), types: typesOf(t, types) })}
          title={t("ui.workflow.rewire")}
          onClick={(event) => offer({ node, port: name, side: "in" }, event.currentTarget)}
        >
          …
        </button>
      )}
    </>
  );
}
