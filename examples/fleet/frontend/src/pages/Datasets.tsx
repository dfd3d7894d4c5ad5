import { UploadOutlined } from "@ant-design/icons";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Table, Upload } from "antd";
import { Link } from "react-router-dom";

import { type Dataset, listDatasets, uploadDataset } from "../api";

export function Datasets() {
  const queries = useQueryClient();
  const datasets = useQuery({ queryKey: ["datasets"], queryFn: listDatasets });
  const upload = useMutation({
    mutationFn: uploadDataset,
    onSuccess: () => queries.invalidateQueries({ queryKey: ["datasets"] }),
  });

  return (
    <>
      <Upload
        showUploadList={false}
        beforeUpload={(file) => {
          upload.mutate(file);
          return false;
        }}
      >
        <Button icon={<UploadOutlined />} loading={upload.isPending}>
          Upload a table
        </Button>
      </Upload>
      {upload.error && <Alert type="error" message={upload.error.message} />}
      <Table<Dataset>
        rowKey="id"
        loading={datasets.isLoading}
        dataSource={datasets.data}
        pagination={{ pageSize: 20 }}
        columns={[
          { title: "Name", dataIndex: "name", render: (name, row) => <Link to={row.id}>{name}</Link> },
          { title: "Rows", dataIndex: "rows", sorter: (a, b) => a.rows - b.rows },
          { title: "Columns", dataIndex: "columns" },
          { title: "Uploaded", dataIndex: "created" },
        ]}
      />
    </>
  );
}
