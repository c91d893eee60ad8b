import { linkedAbort } from "../lib/abort-signal.js";
import { timeLimit } from "../lib/time-limit.js";
import { type Outcome, succeed } from "../net/failure.js";
import type { MetadataFetch } from "./metadata-document.js";

/** Reads the config's headers for metadata requests, for at most one timeout. `until`: milliseconds since the epoch. */
export async function readServerHeaders(
  { headers, clock, timeout, signal }: MetadataFetch,
  until = Number.POSITIVE_INFINITY,
): Promise<Outcome<Readonly<Record<string, string>>>> {
  if (headers === undefined) return succeed({});
  const { controller, unlink } = linkedAbort(signal);
  const milliseconds = Math.max(Math.min(timeout, until - clock.now()), 0);
  const limit = timeLimit(clock, milliseconds, () => controller.abort(), { unref: true });
  try {
    return await headers.read(controller.signal);
  } finally {
    limit.cancel();
    unlink();
  }
}
