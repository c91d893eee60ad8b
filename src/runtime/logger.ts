/** The shape of pino, bunyan and console-like loggers: fields first, then a message. Nothing secret is passed. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
