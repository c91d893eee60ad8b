import { TokenManager } from "mcp-auth-runtime";

interface StrandsTransport {
    readonly sessionId: string | undefined;
    start(): Promise<void>;
    send(message: object, options?: object): Promise<void>;
    close(): Promise<void>;
    setProtocolVersion(version: string): void;
    onclose?: (() => void) | undefined;
    onerror?: ((error: Error) => void) | undefined;
    onmessage?: ((message: unknown, extra?: unknown) => void) | undefined;
}

declare function transport(manager: TokenManager): StrandsTransport;

export {
  StrandsTransport,
  transport,
};
