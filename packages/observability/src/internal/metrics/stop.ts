/** Stops listening. */
export type Stop = () => void;
