import { expect, test } from "vitest";
import type { ProblemDocument } from "../api/wire.gen";
import { refusalOf } from "./reason";

const told = (key: string, params: Record<string, unknown>): string => [key, ...Object.values(params)].join(" ");
const bare = { type: "", code: "", title: "Bad Gateway", detail: "Bad Gateway", errors: [], request_id: "", status: 502 } as ProblemDocument;

test("an answer that is none of the server's is told by its number and not by its words", () => {
  expect(refusalOf(told, bare)).toBe("ui.answered_otherwise 502");
  expect(refusalOf(told, { ...bare, status: 413 })).toBe("ui.proxy_too_large");
});

test("a fault of the server names the request that the log tells of", () => {
  expect(refusalOf(told, { ...bare, code: "internal", status: 500, request_id: "R7" })).toBe("ui.internal R7");
});

test("what the server says of a refusal is what is told", () => {
  expect(refusalOf(told, { ...bare, code: "too_large", detail: "This is too large." })).toBe("This is too large.");
});
