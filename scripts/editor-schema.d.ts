export function forEditors<Schema extends object>(schema: Schema): Schema;
export function forPrograms<Schema extends object>(schema: Schema): Schema;
