// OpenTelemetry's instrumentation of fetch.
import assert from "node:assert/strict";
import { createProject, newNode, printed, registerFlag, run } from "../project.mjs";

const tracing = `
  import { register } from "node:module";
  import { registerInstrumentations } from "@opentelemetry/instrumentation";
  import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
  import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
  // As in the documentation of OpenTelemetry for ECMAScript modules.
  register("@opentelemetry/instrumentation/hook.mjs", import.meta.url);
  globalThis.exporter = new InMemorySpanExporter();
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
  registerInstrumentations({ instrumentations: [new UndiciInstrumentation()] });
`;

const agent = `
  import { trace } from "@opentelemetry/api";
  const { MCP_URL, CONTROL_URL } = process.env;
  const call = (name) => trace.getTracer("agent").startActiveSpan(name, async (span) => {
    await (await fetch(MCP_URL)).text();
    span.end();
  });
  await Promise.all([call("one"), call("two")]);
  await (await fetch(CONTROL_URL + "/revoke")).text();
  await call("three");
  console.log(JSON.stringify(exporter.getFinishedSpans().map((span) => ({
    name: span.name,
    url: span.attributes["url.full"],
    status: span.attributes["http.response.status_code"],
    id: span.spanContext().spanId,
    trace: span.spanContext().traceId,
    parent: span.parentSpanContext?.spanId,
  }))));
`;

const orders = [
  ["before ours", ["--import", "./tracing.mjs", ...registerFlag]],
  ["after ours", [...registerFlag, "--import", "./tracing.mjs"]],
];
const nodes = [
  [`Node ${process.version}`, process.execPath],
  ["Node 26", newNode],
];

export const cases = orders.flatMap(([order, flags]) =>
  nodes.map(([name, command]) => [
    `OpenTelemetry records one span for each MCP request, below the caller's, if it is loaded ${order}, on ${name}`,
    async ({ world, onEnd }) => {
      const project = await createProject(world.config, { "tracing.mjs": tracing, "agent.mjs": agent });
      onEnd(project.remove);
      const spans = printed(await run(project, { command, args: [...flags, "agent.mjs"], env: world.env }));
      const calls = world.calls();
      assert.deepEqual(
        calls.map(({ status, hasToken }) => [status, hasToken]),
        [
          [405, true],
          [405, true],
          [401, true],
          [405, true],
        ],
      );
      const requests = spans.filter(({ url }) => url === world.url);
      assert.deepEqual(
        requests.map(({ status }) => status),
        [405, 405, 401, 405],
      );
      const sent = calls.map(({ traceparent }) => traceparent?.split("-").slice(1, 3).join(" "));
      assert.deepEqual(requests.map(({ trace, id }) => `${trace} ${id}`).sort(), sent.sort());
      const callers = requests.map(({ parent }) => spans.find(({ id }) => id === parent)?.name);
      assert.deepEqual(callers.sort(), ["one", "three", "three", "two"]);
      // Token requests have spans too.
      const tokens = spans.filter(({ url }) => url === world.issuer.tokenEndpoint);
      assert.deepEqual([tokens.length, world.issuer.tokensIssued], [2, 2]);
    },
  ]),
);
