import { MCPConfiguration } from "@voltagent/core";

export async function connect(url) {
  const configuration = new MCPConfiguration({ servers: { echo: { type: "streamable-http", url } } });
  const [echo] = await configuration.getTools();
  return {
    async call(text) {
      const { content } = await echo.execute({ text });
      return content[0].text;
    },
    close: () => configuration.disconnect(),
  };
}
