// The process of a host: connects and calls as the runner says. The runner copies it beside the host's own host.mjs.
let unauthorized = 0;

// Counts what the host gets to see of the MCP server, and keeps on this machine what some hosts look up elsewhere.
const { MCP_SERVER_URL: serverUrl } = process.env;
const { fetch } = globalThis;
globalThis.fetch = async (input, init) => {
  const { href, hostname } = new URL(input instanceof Request ? input.url : input);
  if (hostname !== "127.0.0.1") throw new TypeError(`Nothing is sent to ${hostname}.`);
  const response = await fetch(input, init);
  if (response.status === 401 && href === serverUrl) unauthorized += 1;
  return response;
};

// After that, since a host may keep the `fetch` of its first line.
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
