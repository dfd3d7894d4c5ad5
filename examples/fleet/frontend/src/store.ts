import { create } from "zustand";

interface Recent {
  ids: string[];
  visit: (id: string) => void;
}

/** The datasets looked at last, newest first. */
export const useRecent = create<Recent>((set) => ({
  ids: [],
  visit: (id) => set(({ ids }) => ({ ids: [id, ...ids.filter((known) => known !== id)].slice(0, 5) })),
}));
