import type { TaskFileOptions, TaskFormat } from "./task-format.ts";

const FLAGS = ["nsfw", "artefact", "text", "duplicate", "corrupt"];

/**
 * Tasks for Label Studio and its labelling configuration: Choices for the best one, Ranker for an order. Not Pairwise: it knows neither tie
 * nor
 * both bad. Source: labelstud.io/guide/tasks (basic JSON format), /tags/choices, /tags/ranker.
 */
export const labelStudioTasks: TaskFormat = {
  name: "label-studio",
  extension: "json",
  objectOf({ promptKey, prompt, criterion, images }, { task }) {
    const data = { prompt, prompt_key: promptKey, criterion };
    if (task === "rank")
      return {
        data: {
          ...data,
          images: images.map(({ imageId, uri }) => ({ id: imageId, html: `<img src="${escapeHtml(uri)}" style="max-width:100%">` })),
        },
      };
    return { data: { ...data, ...Object.fromEntries(images.map(({ uri }, index) => [`image${index + 1}`, uri])) } };
  },
  settings: (options) => ({ ending: "config.xml", content: options.task === "rank" ? RANKING : choosing(options) }),
};

const RANKING = `<View>
  <Header value="Put the images in order, the best first" />
  <Header value="$criterion" size="6" />
  <Text name="prompt" value="$prompt" />
  <List name="images" value="$images" />
  <Ranker name="ranking" toName="images" />
</View>
`;

function choosing({ task, imagesMax }: TaskFileOptions): string {
  const names = Array.from({ length: task === "pair" ? 2 : imagesMax }, (_, index) => `image${index + 1}`);
  const images = names.map((name) => `    <Image name="${name}" value="$${name}" />`).join("\n");
  const flags = names.map(
    (name) => `  <Choices name="flags_${name}" toName="${name}" choice="multiple" showInLine="true">
    <Header value="Marks of ${name}" />
${FLAGS.map((flag) => `    <Choice value="${flag}" />`).join("\n")}
  </Choices>`,
  );
  const best = names.map((name, index) => `    <Choice value="${name}" hotkey="${index + 1}" />`).join("\n");
  const outcome = `  <Choices name="outcome" toName="image1" choice="single" showInLine="true">
${best}
    <Choice value="tie" hotkey="t" />
    <Choice value="both_bad" hotkey="b" />
  </Choices>`;
  return `<View>
  <Header value="Which image is the better one for this text? For none: tie, or both bad" />
  <Header value="$criterion" size="6" />
  <Text name="prompt" value="$prompt" />
  <View style="display: flex; gap: 8px">
${images}
  </View>
${outcome}
${flags.join("\n")}
</View>
`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}
