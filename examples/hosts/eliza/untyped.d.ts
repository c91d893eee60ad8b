// biome-ignore-all lint/style/noDefaultExport: the packages have default exports
// These packages are published without their declarations.
declare module "@elizaos/plugin-bootstrap" {
  const plugin: import("@elizaos/core").Plugin;
  export default plugin;
}

declare module "@elizaos/plugin-sql" {
  import type { IDatabaseAdapter, UUID } from "@elizaos/core";

  type Schema = Record<string, Record<string, unknown>>;
  const plugin: { name: string; schema: Schema };
  export default plugin;
  export function createDatabaseAdapter(options: { dataDir: string }, agentId: UUID): IDatabaseAdapter;
}
