import { useQuery } from "@tanstack/react-query";
import { Descriptions, Skeleton } from "antd";
import { useEffect } from "react";
import { useParams } from "react-router-dom";

import { readSummary } from "../api";
import { useRecent } from "../store";

export function Summary() {
  const { id = "" } = useParams();
  const visit = useRecent((recent) => recent.visit);
  useEffect(() => visit(id), [id, visit]);
  const summary = useQuery({ queryKey: ["summary", id], queryFn: () => readSummary(id) });

  if (!summary.data) return <Skeleton active />;
  return (
    <>
      {Object.entries(summary.data).map(([column, values]) => (
        <Descriptions
          key={column}
          title={column}
          bordered
          size="small"
          items={Object.entries(values).map(([label, value]) => ({ key: label, label, children: value }))}
        />
      ))}
    </>
  );
}
