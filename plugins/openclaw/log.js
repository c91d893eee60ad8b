/**
 * Logs what fails, each message once until the server has a new token. What only warns comes with each new token, and is
 * logged once. The messages name the server and contain no secret.
 *
 * @param {Pick<import("./openclaw.js").Logger, "warn">} logger
 */
export function loggerOf(logger) {
  /** The latest message about each server. @type {Map<string | undefined, string>} */
  const failures = new Map();
  /** The latest message about each server with each code. @type {Map<string, string>} */
  const warnings = new Map();
  /** @param {import("./log.js").Fields} fields @param {string} event */
  const warn = (fields, event) => {
    const { server, code, message = textOf(fields, event) } = fields;
    // If the server refuses a new token too, that is a failure of calls.
    const onlyWarns = event === "token:warning" && code !== "unauthorized";
    const isLatest = onlyWarns
      ? isSame(warnings, `${server} ${code}`, message)
      : isSame(failures, server, message);
    if (!isLatest) logger.warn(message);
  };
  /** @param {import("./log.js").Fields} fields @param {string} event */
  const debug = ({ server }, event) => {
    if (event === "token:renewed") failures.delete(server);
  };
  return { debug, info() {}, warn, error: warn };
}

/** @param {import("./log.js").Fields} fields @param {string} event or a text that is no event's */
function textOf({ event: name, server, code }, event) {
  if (name !== event || server === undefined) return event;
  return `Server "${server}": ${event}${code === undefined ? "" : ` (${code})`}`;
}

/**
 * Keeps the message, and returns whether it was the latest one already.
 *
 * @template Key
 * @param {Map<Key, string>} latest
 * @param {Key} key
 * @param {string} message
 */
function isSame(latest, key, message) {
  const same = latest.get(key) === message;
  latest.set(key, message);
  return same;
}
