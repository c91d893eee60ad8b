// The process of a host. It connects and calls when the runner says so. The runner copies this file next to the host's
// host.mjs.
let unauthorized = 0;

// Counts the 401s that the host receives, and blocks requests of hosts to other machines.
const { MCP_SERVER_URL: serverUrl } = process.env;
const { fetch } = globalThis;
globalThis.fetch = async (input, init) => {
  const { href, hostname } = new URL(input instanceof Request ? input.url : input);
  if (hostname !== "127.0.0.1") throw new TypeError(`Requests to ${hostname} are blocked.`);
  const response = await fetch(input, init);
  if (response.status === 401 && href === serverUrl) unauthorized += 1;
  return response;
};

// Imported after the patch above, because a host may save `fetch` when it is loaded.
const { connect } = await import(new URL("host.mjs", import.meta.url));
let connection;

const actions = {
  version: () => process.version,
  async connect() {
    connection = await connect(serverUrl);
  },
  async call({ times }) {
    const texts = Array.from({ length: times }, (_, index) => `call ${index}`);
    const outcomes = await Promise.allSettled(texts.map((text) => connection.call(text)));
    return outcomes.flatMap(({ value, reason }, index) => {
      if (reason !== undefined) return [reason instanceof Error ? reason.message : String(reason)];
      return value === texts[index] ? [] : [`The answer is ${JSON.stringify(value)}.`];
    });
  },
  unauthorized: () => unauthorized,
  close: () => connection.close(),
};

process.once("disconnect", () => process.exit());
process.on("message", async ({ action, ...parameters }) => {
  try {
    process.send({ value: await actions[action](parameters) });
  } catch (error) {
    process.send({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});
