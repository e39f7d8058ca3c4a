-- What is known of the classes that luaws.class makes: their families, and, for scripts that are
-- read again, which class is which one of before.

local classes = {
  parents = setmetatable({}, { __mode = "k" }),  -- class -> its parent, or false
  children = setmetatable({}, { __mode = "k" }), -- class -> set of its subclasses
}

local parents, children = classes.parents, classes.children

-- By file and name the classes so called, in the order in which they were made; weak. A script that
-- is read again makes its own, which go to `fresh` meanwhile and stay until it is known whether
-- they are new forms: all that is left of the old ones may be objects of theirs.
local known, fresh = {}, nil
local Weak = { __mode = "v" }
local moved -- class of the new generation -> { list, index }: the old one, of another file
local places = setmetatable({}, { __mode = "k" }) -- class -> { key, index, file, line }
local makers = setmetatable({}, { __mode = "k" }) -- class -> the `new` that it was born with

-- `level`: that of the caller of luaws.class, as for error.
function classes.register(class, name, level)
  local info = debug.getinfo(level, "Sl")
  local key = info.source .. "\0" .. name
  local all = fresh or known
  local list = all[key]
  if not list then
    list = setmetatable({ n = 0 }, not fresh and Weak or nil)
    all[key] = list
  end
  list.n = list.n + 1
  list[list.n] = class
  places[class] = {
    key = key, index = list.n, file = info.source:match("^@(.*)"), line = info.currentline,
  }
  makers[class] = rawget(class, "new")
end

function classes.begin()
  fresh, moved = {}, {}
end

function classes.isClass(value)
  return parents[value] ~= nil
end

-- Of the classes in `all` whose files have none of that name in `other`: name -> { list, index };
-- false: there are several of that name.
local function findOnly(all, other)
  local found = {}
  for key, list in pairs(all) do
    local name = key:match("%z(.*)")
    for i = 1, other[key] and 0 or list.n do
      if list[i] then found[name] = found[name] == nil and { list, i } end
    end
  end
  return found
end

-- The new generation has made its classes. One that is alone of its name among those that are new
-- in their files has moved, if there is one such among those that have gone from theirs.
function classes.findMoved()
  local gone = findOnly(known, fresh)
  for name, new in pairs(findOnly(fresh, known)) do
    if new and gone[name] then moved[new[1][new[2]]] = gone[name] end
  end
end

-- The class of the generation before of which `class` is the new form, or nil.
function classes.former(class)
  local old = moved and moved[class]
  if old then return old[1][old[2]] end
  local place = places[class]
  local list = place and known[place.key]
  return list and list[place.index]
end

-- Calls f(class) for each that the new generation has made.
function classes.eachFresh(f)
  for _, list in pairs(fresh) do
    for i = 1, list.n do
      if list[i] then f(list[i]) end
    end
  end
end

-- Calls f(class) for each that there was before.
function classes.eachKnown(f)
  for class in pairs(parents) do
    local place = places[class]
    local list = place and known[place.key]
    if list and rawequal(list[place.index], class) then f(class) end
  end
end

-- The function that makes its instances, as luaws.class has made it.
function classes.maker(class)
  return makers[class]
end

-- File and line of the luaws.class.
function classes.place(class)
  local place = places[class]
  if place then return place.file, place.line end
end

-- `former` goes on in the form of `class`: its family; `parent` stands for that of `class`. The
-- methods are the caller's.
function classes.succeed(former, class, parent)
  local oldParent = parents[former]
  if oldParent then children[oldParent][former] = nil end
  if parent then children[parent][former] = true end
  parents[former] = parent or false
  places[former] = places[class]
end

-- What undoes that afterwards, however far it has come.
function classes.undoing(former, parent)
  local oldParent, oldPlace = parents[former], places[former]
  return function()
    if parent then children[parent][former] = nil end
    if oldParent then children[oldParent][former] = true end
    parents[former], places[former] = oldParent, oldPlace
  end
end

-- The new generation stands: `live(class)` is the one that each of its classes goes on as.
function classes.commit(live)
  for key, list in pairs(fresh) do
    for i = 1, list.n do
      if list[i] then list[i] = live(list[i]) end
    end
    known[key] = setmetatable(list, Weak)
  end
  for _, old in pairs(moved) do old[1][old[2]] = nil end
  fresh, moved = nil, nil
end

-- It doesn't. Objects of its classes may be left where nothing can be undone: they go on as the old
-- ones', by handOn(class, former), or as those of the classes that come next.
function classes.rollback(handOn)
  for key, list in pairs(fresh or {}) do
    for i = 1, list.n do
      local former = list[i] and classes.former(list[i])
      if former then handOn(list[i], former) end
    end
    known[key] = known[key] or setmetatable(list, Weak)
  end
  fresh, moved = nil, nil
end

return classes
