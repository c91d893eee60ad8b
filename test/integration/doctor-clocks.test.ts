// `doctor` and clocks that differ.
import { expect, test } from "vitest";
import { diagnose, stepOf } from "./doctor.js";
import { startServers } from "./doctor-servers.js";

test("clocks that differ by half a minute are in order, because that is corrected", async () => {
  const { server, blamed } = await diagnose(await startServers({ ahead: 30 }));
  expect(blamed).toEqual([]);
  expect(stepOf(server.steps, "clock").message).toContain("are made in its time");
});

test.each([90, -90])("clocks that differ by %s s are a warning, because that is corrected", async (ahead) => {
  const { code, server, blamed } = await diagnose(await startServers({ ahead }));
  expect(blamed).toEqual(["warn clock: clock_skew"]);
  expect(stepOf(server.steps, "clock").message).toMatch(ahead > 0 ? /\b\d\d s ahead of/ : /\b\d\d s behind/);
  expect(code).toBe(0);
});

test.each([1_200, -1_200])(
  "clocks that differ by %s s are a failure, and the other steps run",
  async (ahead) => {
    const { code, server, blamed } = await diagnose(await startServers({ ahead }));
    expect(blamed).toEqual(["fail clock: clock_differs"]);
    expect(server.todo?.text).toContain("NTP");
    expect(stepOf(server.steps, "call").verdict).toBe("pass");
    expect(code).toBe(3);
  },
);

test("servers that agree with each other show that the clock of this machine is wrong", async () => {
  const issuer = await startServers({ ahead: 1_200 });
  const mcp = await startServers({ ahead: 1_200 });
  const client = { issuer: issuer.server.origin, id: "agent", secret: { env: "SECRET" } };
  const config = { servers: { tools: { url: mcp.url, resourceMetadata: false, grant: { client } } } };
  const { server } = await diagnose({ config, env: issuer.env });
  expect(server.todo?.text).toContain("correct the clock of this machine");
});

test("a clock of an authorization server that is behind is found, although its metadata may come from a cache", async () => {
  const issuer = await startServers({ ahead: -1_200 });
  const mcp = await startServers();
  const client = { issuer: issuer.server.origin, id: "agent", secret: { env: "SECRET" } };
  const config = { servers: { tools: { url: mcp.url, resourceMetadata: false, grant: { client } } } };
  const { server, blamed } = await diagnose({ config, env: issuer.env });
  expect(blamed).toContain("fail clock: clock_differs");
  expect(stepOf(server.steps, "clock").message).toContain(issuer.server.origin);
  // A wrong clock explains what follows.
  const names = server.steps.map(({ step }) => step);
  expect(names.indexOf("clock")).toBeLessThan(names.indexOf("token"));
});
