export const hangLimit: number;
