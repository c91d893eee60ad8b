// What the plugin uses of OpenClaw, whose own types are not needed to install it. Not published.
import type { Entry } from "./entries.js";

export interface PluginApi {
  readonly registrationMode: string;
  readonly pluginConfig?: { readonly config?: string; readonly servers?: readonly string[] };
  readonly runtime: { readonly config: ConfigAccess };
  resolvePath(path: string): string;
  registerService(service: {
    readonly id: string;
    start(context: ServiceContext): Promise<void>;
    stop(): Promise<void>;
  }): void;
}

/** The parts of openclaw.json that the plugin reads and writes. */
export interface Config {
  mcp?: { servers?: Record<string, Entry> };
}

export interface ConfigAccess {
  current(): Config;
  mutateConfigFile(change: {
    readonly afterWrite: { readonly mode: "auto" };
    mutate(draft: Config): void;
  }): Promise<unknown>;
}

export interface ServiceContext {
  /** The folder of openclaw.json. */
  readonly stateDir: string;
  readonly logger: Logger;
}

export interface Logger {
  info(message: string): void;
  warn(message: string): void;
}
