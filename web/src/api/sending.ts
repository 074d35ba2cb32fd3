const STALL = 60_000; // milliseconds in which not one byte left
const ANSWER = 120_000; // milliseconds from the last byte to the answer

export type Sending = {
  method: string;
  headers: Record<string, string>;
  body: Blob;
  signal?: AbortSignal | undefined;
  /** Told how much has left, 0 to 1. */
  onSent?: ((share: number) => void) | undefined;
};

export type Answer = { ok: boolean; status: number; statusText: string; text: string };

/**
 * Send a file for as long as bytes leave, however slow the line: `fetch` cannot tell whether they do.
 *
 * Rejects with a `TypeError` where the line broke or stood still, and as `fetch` does when aborted.
 */
export function sendBody(url: string, { method, headers, body, signal, onSent }: Sending): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let timer = 0;
    function wait(milliseconds: number): void {
      globalThis.clearTimeout(timer);
      timer = Number(globalThis.setTimeout(() => request.abort(), milliseconds));
    }
    const abort = () => request.abort();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => {
      wait(STALL);
      if (total > 0) onSent?.(loaded / total);
    };
    request.upload.onload = () => wait(ANSWER);
    request.onload = () => {
      const { status, statusText, responseText: text } = request;
      resolve({ ok: status >= 200 && status < 300, status, statusText, text });
    };
    request.onerror = () => reject(new TypeError("the line broke"));
    request.onabort = () => reject(signal?.aborted ? new DOMException("", "AbortError") : new TypeError("the line stood still"));
    request.onloadend = () => {
      globalThis.clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    };
    signal?.addEventListener("abort", abort);
    wait(STALL);
    request.send(body);
    if (signal?.aborted) request.abort();
  });
}
