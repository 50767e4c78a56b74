import { expect, it } from "vitest";
import { orderedPlaces } from "../../../src/votes/formats/read-answer.ts";

it.each([
  [
    ["image_2", "image_10", "image_1"],
    ["image_1", "image_2", "image_10"],
  ],
  [
    ["image2", "image1"],
    ["image1", "image2"],
  ],
  [
    ["right", "left"],
    ["left", "right"],
  ],
  [
    ["right_url", "left_url"],
    ["left_url", "right_url"],
  ],
  [
    ["urlB", "urlA"],
    ["urlA", "urlB"],
  ],
  [
    ["image_1_uid", "image_0_uid"],
    ["image_0_uid", "image_1_uid"],
  ],
])("%j tell their order: %j", (places, order) => {
  expect(orderedPlaces(places)).toEqual(order);
});

it.each([
  [["chosen", "other"]],
  [["image_1", "photo_2"]],
  [["image", "image_2"]],
  [["a_1", "b_2"]],
  [["image_1", "image_01"]],
  [["x"]],
  [[]],
])("%j tell none", (places) => {
  expect(orderedPlaces(places)).toBeNull();
});
