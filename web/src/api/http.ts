import { sendBody, type Answer } from "./sending";
import type { ProblemDocument } from "./wire.gen";

const BASE = "/api/v1";
const DEADLINE = 30_000; // milliseconds; a file may take as long as bytes of it leave

/** Raised for every answer that is not a success; the message is what people are told of it. */
export class ProblemError extends Error {
  readonly problem: ProblemDocument;

  constructor(problem: ProblemDocument, words = problem.detail || problem.title) {
    super(words);
    this.problem = problem;
  }
}

export type Call = {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  query?: Record<string, string | number | boolean | null | undefined>;
  json?: unknown;
  body?: Blob;
  /** Told how much of the body has left, 0 to 1. */
  onSent?: (share: number) => void;
  headers?: Record<string, string>;
  signal?: AbortSignal;
};

export type Http = <T>(path: string, call?: Call) => Promise<T>;

type Say = (problem: ProblemDocument) => string;

/** Make the one way to the REST routes. `language` is asked before each call, `say` for the words of a refusal. */
export function createHttp(language: () => string, say: Say, send: typeof fetch = fetch): Http {
  return async function http<T>(path: string, call: Call = {}): Promise<T> {
    const headers: Record<string, string> = { "Accept-Language": language(), ...call.headers };
    if (call.json !== undefined) headers["Content-Type"] = "application/json";
    if (call.body?.type) headers["Content-Type"] = call.body.type;
    const { method = "GET", body, signal, onSent } = call;
    const url = BASE + path + search(call.query);
    const answer = await (body ? sendBody(url, { method, headers, body, signal, onSent }) : ask(url, { ...call, headers }, send));
    if (!answer.ok) {
      const problem = readProblem(answer, answer.text);
      throw new ProblemError(problem, say(problem));
    }
    return (answer.text ? JSON.parse(answer.text) : undefined) as T;
  };
}

async function ask(url: string, { method = "GET", headers = {}, json, signal }: Call, send: typeof fetch): Promise<Answer> {
  const deadline = AbortSignal.timeout(DEADLINE);
  const answer = await send(url, {
    method,
    headers,
    body: json === undefined ? null : JSON.stringify(json),
    credentials: "same-origin",
    signal: signal ? AbortSignal.any([deadline, signal]) : deadline,
  });
  const { ok, status, statusText } = answer;
  return { ok, status, statusText, text: await answer.text() };
}

function search(query: Call["query"]): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== null && value !== undefined && value !== "") given.set(name, String(value));
  }
  const text = given.toString();
  return text ? `?${text}` : "";
}

/** Read what a refusing answer says, whatever it is made of. */
export function readProblem(answer: Pick<Response, "status" | "statusText">, text: string): ProblemDocument {
  const bare = { type: "", code: "", errors: [], request_id: "", status: answer.status };
  const title = answer.statusText || String(answer.status);
  try {
    return { ...bare, title, detail: "", ...(JSON.parse(text) as Partial<ProblemDocument>) };
  } catch {
    return { ...bare, title, detail: title };
  }
}

/** Make a key that lets a request be sent twice and done once. */
export function idempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
