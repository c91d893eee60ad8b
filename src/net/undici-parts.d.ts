// The modules of undici that the program uses. The package declares only the types of its main module, which loads all
// of them.

declare module "undici/lib/dispatcher/agent.js" {
  // biome-ignore lint/style/noDefaultExport: that is what the module exports
  export { Agent as default } from "undici";
}

declare module "undici/lib/core/connect.js" {
  // biome-ignore lint/style/noDefaultExport: that is what the module exports
  export { buildConnector as default } from "undici";
}

declare module "undici/lib/api/api-request.js" {
  import type { Dispatcher } from "undici";

  function request(this: Dispatcher, options: Dispatcher.RequestOptions): Promise<Dispatcher.ResponseData>;
  // biome-ignore lint/style/noDefaultExport: that is what the module exports
  export default request;
}
