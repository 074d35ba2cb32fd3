import { ProblemError } from "../api/http";
import type { ProblemDocument } from "../api/wire.gen";

const DEADLINE = 120_000; // milliseconds, of one file
const API = "/api/v1";

/** Send one file as a raw body and tell how much of it has gone: `fetch` cannot tell. */
export function sendFile<T>(
  path: string, file: Blob, { name, caption }: { name: string; caption: string | null },
  onSent: (part: number) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let told = 0;
    request.open("POST", API + path);
    request.timeout = DEADLINE;
    request.responseType = "text";
    request.setRequestHeader("Accept-Language", document.documentElement.lang || "en");
    request.setRequestHeader("X-Filename", encodeURIComponent(name));
    if (caption) request.setRequestHeader("X-Caption", encodeURIComponent(caption.slice(0, 2000)));
    // What is no picture is sent all the same: the server says why it is not trained on.
    const picture = file.type.startsWith("image/");
    request.setRequestHeader("Content-Type", picture ? file.type : "application/octet-stream");
    request.upload.onprogress = ({ loaded, total }) => {
      const part = total > 0 ? loaded / total : 0;
      if (part - told < 0.1) return;
      told = part;
      onSent(part);
    };
    request.onload = () => {
      const read = parsed(request.responseText);
      if (request.status >= 200 && request.status < 300) resolve(read as T);
      else reject(new ProblemError(problemOf(read, request)));
    };
    request.onerror = request.ontimeout = request.onabort = () => reject(new Error(""));
    request.send(picture ? file : new Blob([file], { type: "application/octet-stream" }));
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function problemOf(read: unknown, { status, statusText }: XMLHttpRequest): ProblemDocument {
  const title = statusText || String(status);
  const bare: ProblemDocument = { type: "", code: "", errors: [], request_id: "", status, title, detail: title };
  return typeof read === "object" && read !== null ? { ...bare, ...(read as Partial<ProblemDocument>) } : bare;
}
