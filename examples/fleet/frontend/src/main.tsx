import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { Layout } from "antd";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter, Link, Route, Routes } from "react-router-dom";

import { Datasets } from "./pages/Datasets";
import { Summary } from "./pages/Summary";
import { useRecent } from "./store";

function Recent() {
  const ids = useRecent((recent) => recent.ids);
  return (
    <Layout.Sider theme="light">
      <Link to="/">Datasets</Link>
      <ul>
        {ids.map((id) => (
          <li key={id}>
            <Link to={`/${id}`}>{id.slice(0, 8)}</Link>
          </li>
        ))}
      </ul>
    </Layout.Sider>
  );
}

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={new QueryClient()}>
      <BrowserRouter>
        <Layout>
          <Recent />
          <Layout.Content>
            <Routes>
              <Route index element={<Datasets />} />
              <Route path=":id" element={<Summary />} />
            </Routes>
          </Layout.Content>
        </Layout>
      </BrowserRouter>
    </QueryClientProvider>
  </StrictMode>,
);
