/// <reference lib="esnext.disposable" preserve="true" />
import "./lib/check-node.js";
import "./lib/detached.js";

export type { McpAuthConfig, McpAuthConfigWithImport } from "./config/define-config.js";
export { defineConfig } from "./config/define-config.js";
export type { DiscoveredAuthorizationServer, Discovery } from "./discovery/discover-server.js";
export type { DiscoveryProblem } from "./discovery/problems.js";
export type { McpAuthErrorCode, Violation } from "./errors/error.js";
export { McpAuthError } from "./errors/error.js";
export type { Signer } from "./keys/signing-key.js";
export type { Clock, ClockTimer } from "./lib/clock.js";
export type { Allow } from "./lib/permissions.js";
export type { FetchFunction } from "./net/bounded-fetch.js";
export type { McpClientCapabilities } from "./runtime/client-capabilities.js";
export { createMcpAuth } from "./runtime/create-mcp-auth.js";
export { discover } from "./runtime/discover.js";
export type { DiscoverOptions } from "./runtime/discover-options.js";
export type {
  ConfigReloadedEvent,
  Logger,
  McpAuthEventName,
  McpAuthEvents,
  McpAuthListener,
} from "./runtime/events.js";
export type { McpAuth, StartOptions } from "./runtime/mcp-auth.js";
export type { McpAuthOptions } from "./runtime/mcp-auth-options.js";
export type { RuntimeSubject } from "./runtime/subjects.js";
export type {
  HeaderOptions,
  TokenManager,
  TokenManagerStatus,
  TokenOptions,
  TokenState,
} from "./runtime/token-manager.js";
export type { SecretResolver } from "./secrets/read-secret.js";
export type { McpAuthStore } from "./sharing/custom-store.js";
export type { Lease, Locked, SetOptions, StoredValue, TokenStore } from "./stores/store.js";
export type { RenewalReason } from "./tokens/source.js";
export type { AccessToken as Token } from "./tokens/token.js";
export type { TokenEvent, TokenIssuedEvent } from "./tokens/token-event.js";
