const minute = 60_000;
const shortest = 5 * minute;
/** Milliseconds for which a document is good at most. */
export const longestFresh = 24 * 60 * minute;
const unlessTold = 60 * minute;

/** How long it is believed that a server publishes no metadata, in milliseconds. */
export const absenceFreshFor = shortest;

/**
 * How long a metadata document is good, in milliseconds: `max-age` of its `Cache-Control` within 5 minutes and 24
 * hours, `no-store` and `no-cache` 5 minutes, an hour when nothing is said. Metadata is not private, and what
 * became wrong early shows at the token endpoint, which makes it be fetched again.
 */
export function freshFor(headers: Headers): number {
  const directives = (headers.get("cache-control") ?? "").toLowerCase().split(",");
  let maxAge: number | undefined;
  for (const directive of directives) {
    const [name = "", value = ""] = directive.split("=", 2).map((part) => part.trim());
    if (name === "no-store" || name === "no-cache") return shortest;
    const seconds = value.replaceAll('"', "");
    if (name === "max-age" && /^\d+$/.test(seconds)) maxAge ??= Number(seconds) * 1_000;
  }
  return maxAge === undefined ? unlessTold : Math.min(Math.max(maxAge, shortest), longestFresh);
}
