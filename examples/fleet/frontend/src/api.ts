import axios from "axios";

export interface Dataset {
  id: string;
  name: string;
  media_type: string;
  rows: number;
  columns: number;
  created: string;
}

export type Summary = Record<string, Record<string, number>>;

const client = axios.create({ baseURL: import.meta.env.VITE_API_URL ?? "/api" });

export async function listDatasets(): Promise<Dataset[]> {
  return (await client.get<Dataset[]>("/v1/datasets")).data;
}

export async function uploadDataset(file: File): Promise<Dataset> {
  const headers = {
    "Content-Type": file.type || "application/octet-stream",
    "Content-Disposition": `attachment; filename*=UTF-8''${encodeURIComponent(file.name)}`,
  };
  return (await client.post<Dataset>("/v1/datasets", file, { headers })).data;
}

export async function readSummary(id: string): Promise<Summary> {
  return (await client.get<Summary>(`/v1/datasets/${id}/summary`)).data;
}
