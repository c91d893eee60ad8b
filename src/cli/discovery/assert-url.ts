import { quoted } from "../../lib/printable.js";
import { UsageError } from "../options.js";

/** Throws `UsageError` for a URL without `https://`, as people type it. Other mistakes are found before a request. */
export function assertWholeUrl(url: string): void {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) return;
  // What comes before an @ may be a password.
  const shown = url.includes("@") ? "This" : quoted(url);
  const isHost = /^[\w.-]+(?::\d+)?(?:\/|$)/.test(url);
  throw new UsageError(
    `${shown} is not a whole URL. ${isHost ? `Write ${quoted(`https://${url}`)}` : "It starts with https://"}`,
  );
}
