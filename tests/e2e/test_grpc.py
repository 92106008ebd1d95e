"""grpcio with reflection: what a program sees that has nothing but the address and a key."""

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase)

from appliance import ApplianceTest, main


class GrpcTest(ApplianceTest):
    @classmethod
    def prepare(cls):
        note = cls.appliance.folder / "note.txt"
        note.write_text("水泵房的备用钥匙由调度员陈立保管，编号为R-77。\n", "utf-8")
        cls.appliance.run("kb", "create", "notes")
        cls.appliance.run("kb", "add", "notes", note)
        cls.key = cls.appliance.user("grpc.user")
        credentials = grpc.ssl_channel_credentials(cls.appliance.ca.read_bytes())
        cls.channel = grpc.secure_channel(cls.appliance.grpc, credentials)
        cls.database = ProtoReflectionDescriptorDatabase(cls.channel)
        cls.pool = descriptor_pool.DescriptorPool(cls.database)

    def call(self, service_name, method, key=None, timeout=60, **fields):
        descriptor = self.pool.FindServiceByName(service_name).FindMethodByName(method)
        request = message_factory.GetMessageClass(descriptor.input_type)(**fields)
        response = message_factory.GetMessageClass(descriptor.output_type)
        make = self.channel.unary_stream if descriptor.server_streaming else self.channel.unary_unary
        stub = make(f"/{service_name}/{method}", request_serializer=lambda m: m.SerializeToString(),
                    response_deserializer=response.FromString)
        metadata = [("authorization", f"Bearer {key}")] if key else []
        return stub(request, metadata=metadata, timeout=timeout)

    def test_reflection_lists_the_services(self):
        self.assertLessEqual({f"hadal.v1.{s}" for s in ("Assistant", "Knowledge", "Models", "Admin",
                                                        "Audit")} | {"grpc.health.v1.Health"},
                             set(self.database.get_services()))

    def test_health(self):
        for service in ("", "hadal.v1.Assistant"):
            self.assertEqual(self.call("grpc.health.v1.Health", "Check", service=service).status, 1)
        with self.assertRaises(grpc.RpcError) as error:
            self.call("grpc.health.v1.Health", "Check", service="no.such.Service")
        self.assertEqual(error.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_search(self):
        response = self.call("hadal.v1.Knowledge", "Search", key=self.key, knowledge_base="notes",
                             query="备用钥匙", top_k=3)
        self.assertTrue(response.complete)
        self.assertIn("R-77", response.hits[0].text)

    def test_ask_streams_sources_text_and_one_result(self):
        events = list(self.call("hadal.v1.Assistant", "Ask", key=self.key, knowledge_base="notes",
                                question="水泵房的备用钥匙由谁保管？"))
        kinds = [e.WhichOneof("event") for e in events]
        self.assertEqual(kinds.count("result"), 1)
        self.assertEqual(kinds[-1], "result")
        result = events[-1].result
        self.assertIn("陈立", result.answer)
        self.assertEqual("".join(e.content_delta for e in events), result.answer)
        self.assertEqual(result.citations[0].document_id, "note.txt")

    def test_every_method_needs_a_key(self):
        for service in self.database.get_services():
            if not service.startswith("hadal."):
                continue
            for method in self.pool.FindServiceByName(service).methods:
                if method.client_streaming:
                    continue
                with self.assertRaises(grpc.RpcError, msg=method.full_name) as error:
                    result = self.call(service, method.name)
                    list(result) if method.server_streaming else result
                self.assertEqual(error.exception.code(), grpc.StatusCode.UNAUTHENTICATED,
                                 method.full_name)

    def test_a_user_is_no_administrator(self):
        for service, method in (("Admin", "ListUsers"), ("Audit", "ListRecords"),
                                ("Audit", "Verify")):
            with self.assertRaises(grpc.RpcError) as error:
                self.call(f"hadal.v1.{service}", method, key=self.key)
            self.assertEqual(error.exception.code(), grpc.StatusCode.PERMISSION_DENIED)

    def test_deadline_holds(self):
        with self.assertRaises(grpc.RpcError) as error:
            list(self.call("hadal.v1.Assistant", "Ask", key=self.key, knowledge_base="notes",
                           question="水泵房的备用钥匙由谁保管？", timeout=0.05))
        self.assertEqual(error.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)


if __name__ == "__main__":
    main()
