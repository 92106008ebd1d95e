"""The real `openai` package against the gateway."""

import json
import ssl
import urllib.error
import urllib.request

import openai

from appliance import CHAT_MODEL, EMBEDDING_MODEL, ApplianceTest, main


class OpenAiTest(ApplianceTest):
    @classmethod
    def prepare(cls):
        note = cls.appliance.folder / "rates.md"
        note.write_text("# Tariff\n\nThe night tariff of plan Aurora is 0.21 yuan per kWh.\n")
        cls.appliance.run("kb", "create", "tariffs")
        cls.appliance.run("kb", "add", "tariffs", note)
        cls.key = cls.appliance.user("openai.user")
        cls.client = cls.client_of(cls.key)

    @classmethod
    def client_of(cls, key):
        return openai.OpenAI(api_key=key, base_url=cls.appliance.https + "/v1", max_retries=0,
                             timeout=120, http_client=openai.DefaultHttpxClient(verify=cls.trust()))

    @classmethod
    def trust(cls):
        return ssl.create_default_context(cafile=str(cls.appliance.ca))

    def chat(self, **options):
        return self.client.chat.completions.create(
            **{"model": CHAT_MODEL, "temperature": 0, "max_tokens": 32,
               "messages": [{"role": "user", "content": "Repeat this word and nothing else: harbour"}], **options})

    def test_models(self):
        ids = {m.id for m in self.client.models.list()}
        self.assertIn(CHAT_MODEL, ids)
        self.assertIn(EMBEDDING_MODEL, ids)
        self.assertEqual(self.client.models.retrieve(CHAT_MODEL).id, CHAT_MODEL)

    def test_chat(self):
        answer = self.chat()
        self.assertIn("harbour", answer.choices[0].message.content.lower())
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        self.assertEqual(answer.usage.total_tokens,
                         answer.usage.prompt_tokens + answer.usage.completion_tokens)

    def test_same_request_same_answer(self):
        sampled = [self.chat(temperature=0.8, seed=7).choices[0].message.content for _ in range(2)]
        self.assertEqual(sampled[0], sampled[1])

    def test_streaming_equals_the_whole_answer(self):
        whole = self.chat().choices[0].message.content
        chunks = list(self.chat(stream=True, stream_options={"include_usage": True}))
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        self.assertEqual(text, whole)
        self.assertGreater(len(chunks), 2)
        self.assertGreater(chunks[-1].usage.completion_tokens, 0)

    def test_chinese_stream_never_splits_a_character(self):
        stream = self.chat(stream=True, max_tokens=60,
                           messages=[{"role": "user", "content": "用中文介绍变压器。"}])
        for chunk in stream:
            if chunk.choices:
                self.assertNotIn("\ufffd", chunk.choices[0].delta.content or "")

    def test_stop_string(self):
        answer = self.chat(messages=[{"role": "user", "content": "Count: 1, 2, 3, 4, 5, 6"}],
                           stop=["4"])
        self.assertNotIn("4", answer.choices[0].message.content)

    def test_logprobs(self):
        answer = self.chat(logprobs=True, top_logprobs=3)
        tokens = answer.choices[0].logprobs.content
        self.assertEqual(len(tokens), answer.usage.completion_tokens)
        for token in tokens:  # greedy: the token is the best alternative
            self.assertEqual(len(token.top_logprobs), 3)
            self.assertEqual(token.logprob, token.top_logprobs[0].logprob)
            self.assertLessEqual(token.logprob, 0)
        text = b"".join(bytes(token.bytes) for token in tokens).decode()
        self.assertEqual(text, answer.choices[0].message.content)
        streamed = [token for chunk in self.chat(stream=True, logprobs=True)
                    for choice in chunk.choices if choice.logprobs
                    for token in choice.logprobs.content]
        self.assertEqual([t.token for t in streamed], [t.token for t in tokens])

    def test_logit_bias_and_penalties(self):
        plain = self.chat()
        banned = self.chat(logprobs=True, logit_bias={"4785": -100, "9437": -100})
        self.assertEqual(plain.choices[0].finish_reason, "stop")
        self.assertGreater(len(banned.choices[0].logprobs.content), 0)
        repeated = [{"role": "user", "content": "Write the word yes ten times."}]
        free = self.chat(messages=repeated, max_tokens=40).choices[0].message.content.lower()
        held = self.chat(messages=repeated, max_tokens=40, presence_penalty=2, frequency_penalty=2)
        self.assertLess(held.choices[0].message.content.lower().count("yes"), free.count("yes"))

    def test_choices(self):
        options = dict(temperature=0.9, seed=3, max_tokens=24, logprobs=True, messages=[
            {"role": "user", "content": "Name an animal and say why you like it."}])
        one = self.chat(**options)
        three = self.chat(n=3, **options)
        self.assertEqual([c.index for c in three.choices], [0, 1, 2])
        texts = [c.message.content for c in three.choices]
        self.assertEqual(texts[0], one.choices[0].message.content)
        self.assertEqual(len(set(texts)), 3, texts)
        self.assertEqual(three.usage.prompt_tokens, one.usage.prompt_tokens)
        self.assertEqual(three.usage.completion_tokens,
                         sum(len(c.logprobs.content) for c in three.choices))
        streamed = ["", "", ""]
        reasons = [None, None, None]
        for chunk in self.chat(n=3, stream=True, **options):
            for choice in chunk.choices:
                streamed[choice.index] += choice.delta.content or ""
                reasons[choice.index] = choice.finish_reason or reasons[choice.index]
        self.assertEqual(streamed, texts)
        self.assertEqual(reasons, [c.finish_reason for c in three.choices])

    # Members in an order no parser would sort them into, and a recursive type.
    PERSON = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 40},
                       "age": {"type": "integer", "minimum": 0, "maximum": 150},
                       "children": {"type": "array", "items": {"$ref": "#"}, "maxItems": 2}},
        "required": ["name", "age", "children"], "additionalProperties": False}
    ABOUT_MARIE = [{"role": "user", "content": "Describe as JSON: Marie is 34 and has no children."}]

    def schema(self, schema):
        return {"type": "json_schema",
                "json_schema": {"name": "person", "strict": True, "schema": schema}}

    def test_response_format_json_schema(self):
        options = dict(messages=self.ABOUT_MARIE, max_tokens=120,
                       response_format=self.schema(self.PERSON))
        answer = self.chat(**options)
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        text = answer.choices[0].message.content
        person = json.loads(text)
        self.assertEqual(list(person), ["name", "age", "children"], text)
        self.assertEqual((person["name"], person["age"]), ("Marie", 34), text)
        chunks = list(self.chat(stream=True, **options))
        self.assertEqual("".join(c.choices[0].delta.content or "" for c in chunks if c.choices), text)

    def test_response_format_json_object(self):
        answer = self.chat(messages=self.ABOUT_MARIE, max_tokens=200,
                           response_format={"type": "json_object"})
        self.assertIsInstance(json.loads(answer.choices[0].message.content), dict)

    def test_guided_regex(self):
        answer = self.chat(messages=[{"role": "user", "content": "What is the capital of France?"}],
                           extra_body={"hadal": {"guided_regex": "(Rome|Paris|Berlin)"}})
        self.assertEqual(answer.choices[0].message.content, "Paris")

    def test_constraints_that_cannot_be_kept_are_refused(self):
        for options, param, word in (
                ({"response_format": self.schema({"not": {}})}, "response_format", '"not"'),
                ({"response_format": self.schema({"type": "string", "pattern": "a("})},
                 "response_format", "#/pattern"),
                ({"extra_body": {"hadal": {"guided_regex": "(?=x)"}}}, "hadal.guided_regex", "byte 1"),
                ({"extra_body": {"guided_json": {}}}, "guided_json", "not supported"),
                ({"model": f"{CHAT_MODEL}@tariffs", "response_format": {"type": "json_object"}},
                 "response_format", "knowledge base")):
            for stream in (False, True):
                with self.assertRaises(openai.BadRequestError) as error:
                    list(self.chat(stream=stream, **options))
                self.assertEqual(error.exception.param, param)
                self.assertIn(word, error.exception.message)

    def test_knowledge_base_by_model_name_and_by_field(self):
        question = [{"role": "user", "content": "What is the night tariff of plan Aurora?"}]
        for options in ({"model": f"{CHAT_MODEL}@tariffs"},
                        {"extra_body": {"hadal": {"knowledge_base": "tariffs"}}}):
            answer = self.chat(messages=question, max_tokens=100, **options)
            self.assertIn("0.21", answer.choices[0].message.content)
            hadal = answer.model_extra["hadal"]
            self.assertEqual(hadal["citations"][0]["document"], "rates.md")
            self.assertEqual(len(hadal["audit"]["leaf_hash"]), 64)

    def test_knowledge_base_streaming(self):
        chunks = list(self.chat(model=f"{CHAT_MODEL}@tariffs", stream=True, max_tokens=100, messages=[
            {"role": "user", "content": "What is the night tariff of plan Aurora?"}]))
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        self.assertIn("0.21", text)

    def test_embeddings(self):
        texts = ["night tariff", "夜间电价"]
        vectors = [d.embedding for d in
                   self.client.embeddings.create(model=EMBEDDING_MODEL, input=texts).data]
        self.assertEqual([len(v) for v in vectors], [384, 384])
        as_float = self.client.embeddings.create(model=EMBEDDING_MODEL, input=texts[0],
                                                 encoding_format="float").data[0].embedding
        for a, b in zip(vectors[0], as_float):
            self.assertAlmostEqual(a, b, places=5)
        self.assertAlmostEqual(sum(x * x for x in vectors[0]), 1.0, places=3)

    def test_errors(self):
        with self.assertRaises(openai.AuthenticationError):
            self.client_of("hadal_wrong").models.list()
        with self.assertRaises(openai.NotFoundError):
            self.chat(model="no-such-model")
        with self.assertRaises(openai.NotFoundError):
            self.chat(model=f"{CHAT_MODEL}@no-such-base")
        with self.assertRaises(openai.BadRequestError):
            self.chat(messages=[])
        for options in ({"n": 0}, {"n": 100}, {"n": 2, "model": f"{CHAT_MODEL}@tariffs"}):
            with self.assertRaises(openai.BadRequestError) as error:
                self.chat(**options)
            self.assertEqual(error.exception.param, "n")
        with self.assertRaises(openai.BadRequestError):
            self.chat(temperature=-1)

    def test_unknown_route_is_refused_and_recorded(self):
        request = urllib.request.Request(self.appliance.https + "/v1/files",
                                         headers={"authorization": f"Bearer {self.key}"})
        with self.assertRaises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(request, context=self.trust(), timeout=30)
        self.assertEqual(error.exception.code, 404)
        newest = self.appliance.json("audit", "ls", "-n", 5)["entries"]
        self.assertTrue(any("/v1/files" in e["record"].get("method", "") +
                            e["record"].get("resource", "") for e in newest), newest)

    def test_cancelled_stream_frees_the_engine(self):
        for _ in range(5):
            stream = self.chat(stream=True, max_tokens=512, messages=[
                {"role": "user", "content": "Write a very long story about a lighthouse."}])
            next(iter(stream))
            stream.close()
        self.assertIn("harbour", self.chat().choices[0].message.content.lower())

    def test_concurrent_requests_get_the_same_tokens(self):
        from concurrent.futures import ThreadPoolExecutor
        alone = self.chat().choices[0].message.content
        with ThreadPoolExecutor(6) as pool:
            together = list(pool.map(lambda _: self.chat().choices[0].message.content, range(6)))
        self.assertEqual(set(together), {alone})


if __name__ == "__main__":
    main()
