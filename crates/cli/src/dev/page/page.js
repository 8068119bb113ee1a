"use strict";

const by = (id) => document.getElementById(id);
let sender = "552"; // who the phone answers to: the last sender

function add(list, className, ...parts) {
  const item = document.createElement("li");
  item.className = className;
  item.append(...parts);
  list.append(item);
  list.scrollTop = list.scrollHeight;
}

async function post(path, body) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const told = await answer.json();
    return answer.ok ? told : { said: told.detail || told.title };
  } catch {
    return { said: "textproof dev does not answer" };
  }
}

function onSubmit(id, act) {
  by(id).addEventListener("submit", async (event) => {
    event.preventDefault();
    const told = await act(Object.fromEntries(new FormData(event.target)));
    by("said").textContent = told.said || "";
  });
}

const phone = () => by("send").elements.phone.value;

onSubmit("send", (form) => post("/send", form));
onSubmit("verify", (form) => post("/verify", { phone: phone(), code: form.code }));
onSubmit("reply", async (form) => {
  const to = sender;
  const told = await post("/reply", { phone: phone(), to, text: form.text });
  if (!told.said) add(by("texts"), "mine", form.text);
  return told;
});

new EventSource("/happenings").onmessage = (message) => {
  const happening = JSON.parse(message.data);
  if (happening.kind === "text") {
    sender = happening.from;
    add(by("texts"), "", happening.text);
  } else {
    const id = document.createElement("code");
    id.textContent = ` ${happening.id.slice(0, 12)}… via ${happening.endpoint}`;
    add(by("events"), "", happening.told, id);
  }
};
